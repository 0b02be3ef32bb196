"""The tables and their indexes, as the newest migration leaves them (a test compares the two)."""

from ferryman.store.tables.access_requests import access_approvals, access_request_nodes, access_requests
from ferryman.store.tables.audit import audit_trails
from ferryman.store.tables.documents import document_versions, tags
from ferryman.store.tables.iam import (
    access_keys,
    browser_links,
    browser_sessions,
    group_members,
    groups,
    inline_policies,
    invitations,
    managed_policies,
    oidc_providers,
    policy_attachments,
    policy_versions,
    roles,
    users,
)
from ferryman.store.tables.kms import kms_aliases, kms_grants, kms_key_generations, kms_keys
from ferryman.store.tables.metadata import metadata
from ferryman.store.tables.nodes import activations, nodes
from ferryman.store.tables.outputs import outputs
from ferryman.store.tables.sessions import FIRST_ENDED_STATUS, recordings, sessions

__all__ = [
    "FIRST_ENDED_STATUS",
    "access_approvals",
    "access_keys",
    "access_request_nodes",
    "access_requests",
    "activations",
    "audit_trails",
    "browser_links",
    "browser_sessions",
    "document_versions",
    "group_members",
    "groups",
    "inline_policies",
    "invitations",
    "kms_aliases",
    "kms_grants",
    "kms_key_generations",
    "kms_keys",
    "managed_policies",
    "metadata",
    "nodes",
    "oidc_providers",
    "outputs",
    "policy_attachments",
    "policy_versions",
    "recordings",
    "roles",
    "sessions",
    "tags",
    "users",
]
