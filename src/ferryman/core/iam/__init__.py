"""IAM's resources: users, groups, roles, access keys, managed and inline policies, OpenID Connect providers.

One module per kind of resource, with IAM's operations on it; `resources` has the rules that they share, `operator` what
the operator's own commands do. Knows how these are managed, not how a caller is authenticated: that is `core.identity`.
"""
