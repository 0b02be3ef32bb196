"""Ports for people and their permissions: identities, policies, sign-ins, access requests."""
