"""AWS's API protocols (JSON 1.1, Query) over botocore's service models: parse, validate and serialise calls.

Knows the shape of every operation but performs none: `server.operations` does. Does no I/O.
"""
