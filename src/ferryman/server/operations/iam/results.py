"""Users, groups and policies in IAM's spelling, and its pages."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from ferryman.core.iam.managed_policies import PolicyView
from ferryman.core.paging import Page
from ferryman.core.service import Service
from ferryman.model.identity.groups import Group
from ferryman.model.identity.policies import PolicyVersion
from ferryman.model.identity.users import User
from ferryman.server.operations.context import Parameters, Result, as_datetime

NOTHING: Result = {}
Item = TypeVar("Item")


def marker_of(parameters: Parameters) -> tuple[str | None, int | None]:
    """Return Marker and MaxItems of a request."""
    return parameters.get("Marker"), parameters.get("MaxItems")


def page_result(member: str, page: Page[Item], items: Sequence[object]) -> dict[str, object]:
    """Return a page in IAM's spelling; `items` are those of `page`, already in it."""
    return {member: items, "IsTruncated": page.next_token is not None, "Marker": page.next_token}


def tag_list(tags: Mapping[str, str]) -> list[Result]:
    """Return tags, by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def encoded(document: str) -> str:
    """Return a policy document as IAM answers it: percent-encoded, which clients decode."""
    return quote(document, safe="")


def user_result(service: Service, user: User, tags: Mapping[str, str] | None = None) -> Result:
    """Return a user; its boundary and tags only where they are asked for one user, as `tags` says."""
    bounded = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": user.boundary_arn}
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.user_id,
        "Arn": service.arns.user(user.name, user.path),
        "CreateDate": as_datetime(user.created_at),
        "PermissionsBoundary": bounded if user.boundary_arn and tags is not None else None,
        "Tags": tag_list(tags) if tags else None,
    }


def group_result(service: Service, group: Group) -> Result:
    """Return a group."""
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.group_id,
        "Arn": service.arns.group(group.name, group.path),
        "CreateDate": as_datetime(group.created_at),
    }


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
    """Return 3 for `v3`, 0, which no version has, for what AWS allows and nobody gives (`v3.x`)."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
