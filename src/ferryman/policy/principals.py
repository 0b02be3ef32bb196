"""Principals of resource and trust policies, and how directly they name the requester."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from ferryman.policy.errors import MalformedPolicyDocument, shown, step

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
_IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(iam::[0-9]{12}:(user|role)/[\x21-\x29\x2b-\x3e\x40-\x7e]+"
    r"|sts::[0-9]{12}:(assumed-role|federated-user)/[\x21-\x29\x2b-\x3e\x40-\x7e]+)"
)
_FEDERATED = re.compile(r"[A-Za-z0-9:/._-]{1,255}")
_SERVICE = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,7}")


class Grant(IntEnum):
    """How directly a statement names the requester, which decides what else must allow the request."""

    NONE = 0
    ACCOUNT = 1
    """The account, or everyone: the account's own policies must also allow it."""
    ROLE = 2
    """The role of a session: boundary and session policies must also allow it."""
    DIRECT = 3
    """The user, session, provider or service itself: nothing else must."""


@dataclass(frozen=True, slots=True)
class Requester:
    """The requester: an AWS identity by `arn` and `account_id` (and `role_arn` of a role's session), or a web
    identity's `provider`, or a `service`."""

    arn: str = ""
    account_id: str = ""
    role_arn: str = ""
    provider: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class Principals:
    """The principals that a statement names."""

    everyone: bool = False
    accounts: frozenset[str] = frozenset()
    identities: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def grant(self, requester: Requester) -> Grant:
        """Return how directly `requester` is named. Names are compared whole."""
        named = (requester.provider in self.providers, requester.service in self.services)
        if any(named) or requester.arn in self.identities:
            return Grant.DIRECT
        if requester.role_arn in self.identities:
            return Grant.ROLE
        return Grant.ACCOUNT if self.everyone or requester.account_id in self.accounts else Grant.NONE


EVERYONE = Principals(everyone=True)


def read_principals(members: Sequence[tuple[str, Sequence[str]]]) -> Principals:
    """Return the principals of the members of a Principal element. Raises MalformedPolicyDocument."""
    everyone = False
    accounts: set[str] = set()
    identities: set[str] = set()
    named: dict[str, frozenset[str]] = {}
    for kind, values in members:
        for place, value in enumerate(values):
            root = _ROOT.fullmatch(value)
            if kind != "AWS":
                _check(kind, value, place)
            elif value == "*":
                everyone = True
            elif root is not None or _ACCOUNT.fullmatch(value):
                accounts.add(root[1] if root else value)
            elif _IDENTITY.fullmatch(value):
                identities.add(value)
            else:
                raise _no_principal(kind, value, place)
        named[kind] = frozenset(values)
    return Principals(
        everyone,
        frozenset(accounts),
        frozenset(identities),
        named.get("Federated", frozenset()),
        named.get("Service", frozenset()),
    )


def _check(kind: str, value: str, place: int) -> None:
    if kind not in _FORMS:
        raise MalformedPolicyDocument(step(kind), "principals are AWS, Federated or Service")
    if not _FORMS[kind].fullmatch(value):
        raise _no_principal(kind, value, place)


_FORMS = {"Federated": _FEDERATED, "Service": _SERVICE}


def _no_principal(kind: str, value: str, place: int) -> MalformedPolicyDocument:
    return MalformedPolicyDocument(
        f"{kind}[{place}]", f"{shown(value)} names no principal of this kind; a part of a name cannot be a wildcard"
    )
