"""AWS's API protocols (JSON 1.1, Query) over botocore's service models: parse, validate and serialise calls.

Knows the shape of every operation but performs none: `server.operations` does. Does no I/O.
"""

from pathlib import Path

OWN_MODELS = Path(__file__).with_name("data")
"""The model of Ferryman's own operations, laid out as botocore's are: a search path for its loaders."""
