"""Users, groups, roles, policies, invitations and identity providers in SQL."""
