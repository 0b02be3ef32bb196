"""Parses the signature of a request, from its Authorization header or from its query."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ferryman.model.values.secret import Secret
from ferryman.signing.canonical import (
    ALGORITHM,
    SIGNATURE_PARAMETER,
    TERMINATOR,
    TIMESTAMP_FORMAT,
    Scope,
    SignableRequest,
    query_parameters,
    timestamp,
)
from ferryman.signing.errors import IncompleteSignature, InvalidSignature, MissingAuthenticationToken

LONGEST_PRESIGNED = 15 * 60
"""The longest lifetime of a presigned request, in seconds: anyone who has read a URL can repeat it."""

_PARAMETERS = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARAMETERS = ("X-Amz-Credential", SIGNATURE_PARAMETER, "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_BODY_DIGEST = "x-amz-content-sha256"
_SESSION_TOKEN = "x-amz-security-token"  # noqa: S105 the name of a header
_QUOTED_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ParsedSignature:
    """A signature as parsed, its form checked, nothing of it verified.

    `signed_headers` are lower-case, sorted, each once; `host`, the date and every X-Amz header are known to be among
    them. `signed_at` is `yyyymmddThhmmssZ`. `expires` is the lifetime of a presigned request in seconds, None for a
    signature in the header. `session_token` is that of temporary credentials, from header or query.
    """

    access_key_id: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: str
    session_token: Secret | None = None
    expires: int | None = None


def parse(request: SignableRequest) -> ParsedSignature:
    """Return the signature of `request`.

    Raises `MissingAuthenticationToken` if there is none, `IncompleteSignature` if its form is wrong, and
    `InvalidSignature` if it leaves out something that must be signed or covers a repeated header.
    """
    authorizations = request.values("authorization")
    query = query_parameters(request.raw_query)
    presigned = any(name in ("X-Amz-Algorithm", *_QUERY_PARAMETERS[:3]) for name, _ in query)
    if not authorizations and not presigned:
        raise MissingAuthenticationToken
    if len(authorizations) + presigned > 1:
        raise IncompleteSignature("A request must carry one signature, in one Authorization header or in its query.")
    parsed = _from_query(request, query) if presigned else _from_header(request, authorizations[0])
    _check_coverage(request, parsed)
    return parsed


def _from_header(request: SignableRequest, authorization: str) -> ParsedSignature:
    algorithm, _, rest = authorization.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignature(
            f"Authorization header requires the algorithm '{ALGORITHM}', not {_quote(algorithm)}."
        )
    given: dict[str, str] = {}
    for part in rest.split(","):
        name, separator, value = part.strip().partition("=")
        if not separator:
            raise IncompleteSignature(
                "A part of the Authorization header is not a key=value pair (missing equal-sign)."
            )
        if name in given:
            raise IncompleteSignature(f"Authorization header has the parameter {_quote(name)} more than once.")
        given[name] = value
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARAMETERS if not given.get(name)]
    if missing:
        raise IncompleteSignature(" ".join(missing))
    unknown = [name for name in given if name not in _PARAMETERS]
    if unknown:
        raise IncompleteSignature(f"Authorization header has the unknown parameter {_quote(unknown[0])}.")
    signed_at = _signing_time(request)
    tokens = request.values(_SESSION_TOKEN)
    access_key_id, scope = _credential(given["Credential"], signed_at)
    return ParsedSignature(
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=_signed_headers(given["SignedHeaders"]),
        signature=given["Signature"],
        signed_at=signed_at,
        session_token=Secret(tokens[0]) if tokens else None,
    )


def _from_query(request: SignableRequest, query: list[tuple[str, str]]) -> ParsedSignature:
    given: dict[str, str] = {}
    for name, value in query:
        if name.startswith("X-Amz-"):
            if name in given:
                raise IncompleteSignature(f"The query has the parameter {_quote(name)} more than once.")
            given[name] = value
    if given.get("X-Amz-Algorithm") != ALGORITHM:
        raise IncompleteSignature(f"X-Amz-Algorithm must be '{ALGORITHM}'.")
    missing = [
        f"AWS query-string parameters must include '{name}'." for name in _QUERY_PARAMETERS if not given.get(name)
    ]
    if missing:
        raise IncompleteSignature(" ".join(missing))
    token = given.get("X-Amz-Security-Token")
    if token is not None and request.values(_SESSION_TOKEN):
        raise IncompleteSignature("X-Amz-Security-Token must be in the query or in a header, not in both.")
    signed_at = _checked_timestamp(given["X-Amz-Date"])
    access_key_id, scope = _credential(given["X-Amz-Credential"], signed_at)
    return ParsedSignature(
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=_signed_headers(given["X-Amz-SignedHeaders"]),
        signature=given[SIGNATURE_PARAMETER],
        signed_at=signed_at,
        session_token=None if token is None else Secret(token),
        expires=_lifetime(given["X-Amz-Expires"]),
    )


def _lifetime(text: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= _QUOTED_LENGTH
    if not digits or not 1 <= int(text) <= LONGEST_PRESIGNED:
        raise IncompleteSignature(
            f"X-Amz-Expires must be from 1 to {LONGEST_PRESIGNED} seconds (15 minutes), not {_quote(text)}. "
            "Presign the URL again with a shorter lifetime."
        )
    return int(text)


def _credential(text: str, signed_at: str) -> tuple[str, Scope]:
    elements = text.split("/")
    if len(elements) != 5 or not all(elements):
        raise IncompleteSignature(
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got "
            f"{_quote(text)}"
        )
    access_key_id, date, region, service, terminator = elements
    if terminator != TERMINATOR:
        raise InvalidSignature(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not {_quote(terminator)}."
        )
    if date != signed_at[:8]:
        raise InvalidSignature(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"{_quote(date)} != '{signed_at[:8]}', from '{signed_at}'."
        )
    return access_key_id, Scope(date, region, service)


def _signing_time(request: SignableRequest) -> str:
    dates = request.values("x-amz-date")
    if dates:
        return _checked_timestamp(dates[0])
    dates = request.values("date")
    if not dates:
        raise IncompleteSignature(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    try:
        moment = parsedate_to_datetime(dates[0])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return _checked_timestamp(timestamp(moment.astimezone(UTC)))
    except (ValueError, OverflowError) as error:
        raise _unreadable_date(dates[0]) from error


def _checked_timestamp(text: str) -> str:
    try:
        datetime.strptime(text, TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise _unreadable_date(text) from error
    if not _TIMESTAMP.fullmatch(text):
        raise _unreadable_date(text)
    return text


def _unreadable_date(text: str) -> IncompleteSignature:
    return IncompleteSignature(f"Date must be in ISO-8601 'basic format'. Got {_quote(text)}.")


def _signed_headers(text: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    if list(names) != sorted(set(names)) or not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise IncompleteSignature(
            "SignedHeaders must be lower-case header names in alphabetical order, separated by ';', each once."
        )
    return names


def _check_coverage(request: SignableRequest, parsed: ParsedSignature) -> None:
    """Every X-Amz header, the host and the date must be signed, and a signed header must be there exactly once."""
    present = [name.lower() for name, _ in request.headers]
    if "host" not in parsed.signed_headers:
        raise InvalidSignature("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    required = {name for name in present if name.startswith("x-amz-") and name != _BODY_DIGEST}
    if parsed.expires is None and "x-amz-date" not in present:
        required.add("date")
    unsigned = sorted(required.difference(parsed.signed_headers))
    if unsigned:
        raise InvalidSignature(
            f"There were headers present in the request which were not signed: {_quote(', '.join(unsigned))}."
        )
    for name in parsed.signed_headers:
        count = present.count(name)
        if count != 1:
            state = "is missing from the request" if count == 0 else "is in the request more than once"
            raise InvalidSignature(f"The signed header {_quote(name)} {state}.")


def _quote(text: str) -> str:
    cut = text if len(text) <= _QUOTED_LENGTH else text[:_QUOTED_LENGTH] + "…"
    return (
        "'" + "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut) + "'"
    )
