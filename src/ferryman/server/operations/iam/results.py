"""Users, groups, roles, policies and pages as IAM returns them."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from ferryman.core.iam.managed_policies import PolicyView
from ferryman.core.paging import Page
from ferryman.core.service import Service
from ferryman.model.identity.groups import Group
from ferryman.model.identity.policies import PolicyVersion
from ferryman.model.identity.roles import IamRole
from ferryman.model.identity.users import User
from ferryman.server.operations.context import Parameters, Result
from ferryman.server.operations.results import as_datetime, tag_list

NOTHING: Result = {}
Item = TypeVar("Item")


def marker_of(parameters: Parameters) -> tuple[str | None, int | None]:
    """Return Marker and MaxItems of a request."""
    return parameters.get("Marker"), parameters.get("MaxItems")


def page_result(member: str, page: Page[Item], items: Sequence[object]) -> dict[str, object]:
    """Return a page as IAM does; `items` are the items of `page` as results."""
    return {member: items, "IsTruncated": page.next_token is not None, "Marker": page.next_token}


def encoded(document: str) -> str:
    """Return a policy document as IAM answers it: percent-encoded, which clients decode."""
    return quote(document, safe="")


def user_result(service: Service, user: User, tags: Mapping[str, str] | None = None) -> Result:
    """Return a user; the boundary and `tags` only if they are given, which lists of users leave out."""
    return {
        **_resource("User", user.name, user.path, user.user_id, service.arns.user(user.name, user.path)),
        "CreateDate": as_datetime(user.created_at),
        "PermissionsBoundary": None if tags is None else _boundary(user.boundary_arn),
        "Tags": tag_list(tags) if tags else None,
    }


def role_result(service: Service, role: IamRole, tags: Mapping[str, str]) -> Result:
    """Return a role."""
    return {
        **_resource("Role", role.name, role.path, role.role_id, service.arns.role(role.name, role.path)),
        "CreateDate": as_datetime(role.created_at),
        "AssumeRolePolicyDocument": encoded(role.trust_policy),
        "Description": role.description or None,
        "MaxSessionDuration": role.max_session_duration,
        "PermissionsBoundary": _boundary(role.boundary_arn),
        "Tags": tag_list(tags) or None,
    }


def group_result(service: Service, group: Group) -> Result:
    """Return a group."""
    return {
        **_resource("Group", group.name, group.path, group.group_id, service.arns.group(group.name, group.path)),
        "CreateDate": as_datetime(group.created_at),
    }


def _resource(kind: str, name: str, path: str, resource_id: str, arn: str) -> dict[str, object]:
    return {"Path": path, f"{kind}Name": name, f"{kind}Id": resource_id, "Arn": arn}


def _boundary(arn: str) -> Result | None:
    return {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn} if arn else None


def policy_result(view: PolicyView) -> Result:
    """Return a managed policy."""
    policy = view.policy
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": version_id(policy.default_version),
        "AttachmentCount": view.attachments,
        "PermissionsBoundaryUsageCount": view.bounded,
        "IsAttachable": True,
        "Description": policy.description or None,
        "CreateDate": as_datetime(policy.created_at),
        "UpdateDate": as_datetime(policy.updated_at),
        "Tags": tag_list(view.tags) if view.tags else None,
    }


def version_result(version: PolicyVersion, *, is_default: bool, with_document: bool = False) -> Result:
    """Return a version of a managed policy."""
    return {
        "Document": encoded(version.text) if with_document else None,
        "VersionId": version_id(version.version),
        "IsDefaultVersion": is_default,
        "CreateDate": as_datetime(version.created_at),
    }


def version_id(number: int) -> str:
    """Return `v3` for 3."""
    return f"v{number}"


def version_number(version: str) -> int:
    """Return 3 for `v3`, 0, which no version has, for forms that AWS allows but nobody uses (`v3.x`)."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
