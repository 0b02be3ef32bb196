"""Identity: who is calling, by which credentials, and temporary credentials (STS).

Knows access keys, tokens of nodes and roles, and OpenID Connect tokens. Does not verify signatures, which the server
does, and decides no permissions but trust policies.
"""
