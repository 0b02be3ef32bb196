"""Sign-in with an OpenID Connect provider, the cached credentials, and the AWS configuration that uses them.

Must not know sessions. Secrets are kept in `Secret` and in private files.
"""
