"""Who calls: users, groups, roles, policies by name, and the callers and credentials that requests are made with.

Values only. What a caller may do is decided in `core.authorization`.
"""
