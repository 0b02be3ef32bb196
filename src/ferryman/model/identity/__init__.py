"""Identities: users, groups, roles, policies by name, and the callers and credentials of requests.

Values only. What a caller may do is decided in `core.authorization`.
"""
