"""AWS Signature Version 4 and the agent's RSA scheme: canonicalise, sign, parse, verify.

Knows requests as values and is given keys and the time. Does no I/O, reads no clock, and does not know whose key it is.
"""
