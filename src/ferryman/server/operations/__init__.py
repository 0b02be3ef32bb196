"""API operations: AWS's member names on one side, requests and results of `core` on the other.

Knows AWS's spelling of parameters and results. Does not know who may do what, which `core` decides, nor HTTP, which
`http` reads and writes. Every module exports one `OPERATIONS` table; `registry` joins them.
"""
