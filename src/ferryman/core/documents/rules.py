"""The rules of a session document's `inputs` and `properties` (`protocol/agent.md` §5.2 to §5.6).

A rule gets a value and returns what is wrong with it, or None. When a document is created, strings with placeholders
are not checked; after substitution every value is.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ferryman.core.documents.outputs import (
    BUCKET,
    BUCKET_RULE,
    KEY_PREFIX,
    KEY_PREFIX_RULE,
    LOG_GROUP,
    LOG_GROUP_RULE,
)
from ferryman.core.documents.parameters import PLACEHOLDER
from ferryman.core.documents.text import RuleBroken
from ferryman.model.session_types import LOCAL_PORT_FORWARDING, SessionType

PLATFORMS = {"windows": "Windows", "linux": "Linux", "macos": "MacOS"}
"""Spelling in documents → spelling in the API."""
LONGEST_IDLE = 60
LONGEST_DURATION = 1440
"""Minutes."""
REQUIRED_OBSERVERS = "requiredObservers"
KMS_KEY_ID = "kmsKeyId"
REQUIRE_KMS_CHALLENGE = "requireKmsChallengeResponse"
MOST_OBSERVERS = 5
_COMMANDS_LIMIT = 32 * 1024
_PROFILE_LIMIT = 512
"""Characters, AWS's limit."""
_SOCKET_PATH_LIMIT = 107
"""Bytes of a path in Linux's sockaddr_un."""
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@\\-]{0,255}\$?")
_HOST = re.compile(r"[A-Za-z0-9:\[][A-Za-z0-9._:%\]-]{0,254}")
_KMS_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")
_SEPARATOR_PREFIX = re.compile(r"[0-9a-zA-Z\r\n_:-]{0,30}")

Rule = Callable[[Any], str | None]


def _whole_number(given: object) -> int | None:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and re.fullmatch(r"[0-9]{1,5}", given):
        return int(given)
    return None


def _minutes(most: int) -> Rule:
    def rule(given: Any) -> str | None:
        number = _whole_number(given)
        if given == "" or (number is not None and 1 <= number <= most):
            return None
        return f"must be a number of minutes in a string, 1 to {most}, or empty."

    return rule


def _port(least: int) -> Rule:
    def rule(given: Any) -> str | None:
        number = _whole_number(given)
        if number is not None and least <= number <= 65535 and str(number) == str(given):
            return None
        return f"must be a port number in a string, {least} to 65535."

    return rule


def is_user(name: str) -> bool:
    """Return whether this can be the name of a user on a node."""
    return _USER.fullmatch(name) is not None


def _observers(given: Any) -> str | None:
    number = _whole_number(given)
    if given == "" or (number is not None and 0 <= number <= MOST_OBSERVERS):
        return None
    return f"must be a number of people in a string, 0 to {MOST_OBSERVERS}, or empty."


def observers(given: object) -> int:
    """Return how many observers a valid input requires; 0 for one that is empty or a placeholder."""
    return _whole_number(given) or 0


def _flag(given: Any) -> str | None:
    return None if isinstance(given, bool) or given in ("true", "false", "") else "must be true or false."


def _matching(pattern: re.Pattern[str], rule_text: str, *, empty: bool = True) -> Rule:
    def rule(given: Any) -> str | None:
        fits = isinstance(given, str) and ((empty and given == "") or pattern.fullmatch(given) is not None)
        return None if fits else rule_text

    return rule


def _text(most: int, *, empty: bool = True) -> Rule:
    def rule(given: Any) -> str | None:
        if isinstance(given, str) and len(given) <= most and (empty or given.strip()):
            return None
        return f"must be a {'' if empty else 'non-empty '}string of at most {most} characters."

    return rule


def _one_of(*choices: str) -> Rule:
    def rule(given: Any) -> str | None:
        return None if given in choices else f"must be {' or '.join(choice or 'empty' for choice in choices)}."

    return rule


def _socket_path(given: Any) -> str | None:
    if given == "" or (isinstance(given, str) and len(given.encode()) <= _SOCKET_PATH_LIMIT):
        return None
    return f"must be a path of at most {_SOCKET_PATH_LIMIT} bytes."


INPUTS: Mapping[str, Rule] = {
    "s3BucketName": _matching(BUCKET, BUCKET_RULE),
    "s3KeyPrefix": _matching(KEY_PREFIX, KEY_PREFIX_RULE),
    "s3EncryptionEnabled": _flag,
    "cloudWatchLogGroupName": _matching(LOG_GROUP, LOG_GROUP_RULE),
    "cloudWatchEncryptionEnabled": _flag,
    "cloudWatchStreamingEnabled": _flag,
    KMS_KEY_ID: _matching(_KMS_KEY, "must be the id, ARN or alias of a KMS key."),
    REQUIRE_KMS_CHALLENGE: _flag,
    "runAsEnabled": _flag,
    "runAsDefaultUser": _matching(_USER, "must be the name of a user."),
    "idleSessionTimeout": _minutes(LONGEST_IDLE),
    "maxSessionDuration": _minutes(LONGEST_DURATION),
    "recordingMode": _one_of("off", "best-effort", "required", ""),
    REQUIRED_OBSERVERS: _observers,
}
_LITERAL = frozenset({"recordingMode", REQUIRED_OBSERVERS, KMS_KEY_ID, REQUIRE_KMS_CHALLENGE})
"""Inputs that name no parameter: who starts a session must not choose them."""
_PROFILE: Mapping[str, Rule] = {"linux": _text(_PROFILE_LIMIT), "windows": _text(_PROFILE_LIMIT)}
_COMMAND: Mapping[str, Rule] = {"commands": _text(_COMMANDS_LIMIT, empty=False), "runAsElevated": _flag}
_SEPARATED: Mapping[str, Rule] = {
    "separateOutputStream": _flag,
    "stdOutSeparatorPrefix": _matching(_SEPARATOR_PREFIX, f"must match {_SEPARATOR_PREFIX.pattern}."),
    "stdErrSeparatorPrefix": _matching(_SEPARATOR_PREFIX, f"must match {_SEPARATOR_PREFIX.pattern}."),
}
_PORT: Mapping[str, Rule] = {
    "portNumber": _port(1),
    "host": _matching(_HOST, "must be a host name or an IP address."),
    "type": _one_of(LOCAL_PORT_FORWARDING, ""),
    "localPortNumber": lambda given: None if given == "" else _port(0)(given),
    "localConnectionType": _one_of("unix", "tcp", ""),
    "localUnixSocket": _socket_path,
}
PROPERTIES = (*_COMMAND, *_SEPARATED, *_PORT)
"""Every property of any session type."""


def check_inputs(inputs: object, *, resolved: bool) -> None:
    """Raise `RuleBroken` unless `inputs` are valid."""
    if not isinstance(inputs, dict):
        raise RuleBroken("inputs", "must be an object.")
    profile = inputs.get("shellProfile", {})
    _check({name: value for name, value in inputs.items() if name != "shellProfile"}, INPUTS, "inputs", resolved)
    _check(profile, _PROFILE, "inputs.shellProfile", resolved)


def check_properties(session_type: SessionType, properties: object, *, resolved: bool) -> None:
    """Raise `RuleBroken` unless `properties` are valid for the session type."""
    if not isinstance(properties, dict):
        raise RuleBroken("properties", "must be an object.")
    if session_type is SessionType.STANDARD_STREAM:
        _check(properties, {}, "properties", resolved)
    elif session_type is SessionType.PORT:
        if "portNumber" not in properties:
            raise RuleBroken("properties.portNumber", "is required.")
        _check(properties, _PORT, "properties", resolved)
    else:
        if not properties:
            raise RuleBroken("properties", f"must have a member of {', '.join(PLATFORMS)}.")
        rules = _COMMAND if session_type is SessionType.INTERACTIVE_COMMANDS else {**_COMMAND, **_SEPARATED}
        for platform, given in properties.items():
            path = f"properties.{platform}"
            if platform not in PLATFORMS:
                raise RuleBroken(path, "is unknown.")
            _check(given, rules, path, resolved)
            if "commands" not in given:
                raise RuleBroken(f"{path}.commands", "is required.")


def _check(given: object, rules: Mapping[str, Rule], path: str, resolved: bool) -> None:
    if not isinstance(given, dict):
        raise RuleBroken(path, "must be an object.")
    for name, value in given.items():
        where = f"{path}.{name}"
        if name not in rules:
            raise RuleBroken(where, "is unknown.")
        if not resolved and name not in _LITERAL and isinstance(value, str) and PLACEHOLDER.search(value):
            continue
        wrong = rules[name](value)
        if wrong is not None:
            raise RuleBroken(where, wrong)


def as_flag(given: object) -> bool:
    """Return a valid flag as a boolean; absent and empty are false."""
    return given is True or given == "true"


def canonical_properties(session_type: SessionType, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return resolved properties in the types that both Ferryman's and AWS's agents expect.

    In a Port session every value is a string, because clients ignore all properties otherwise (`protocol/client.md`
    §10.2), and empty ones are left out. In a command `runAsElevated` is a boolean, everything else a string.
    """
    if session_type is SessionType.PORT:
        return {name: str(value) for name, value in properties.items() if value != ""}
    return {platform: _canonical_command(given) for platform, given in properties.items()}


def _canonical_command(given: Mapping[str, Any]) -> dict[str, Any]:
    command = {name: value for name, value in given.items() if name not in ("runAsElevated", "separateOutputStream")}
    command["runAsElevated"] = as_flag(given.get("runAsElevated"))
    if "separateOutputStream" in given:
        command["separateOutputStream"] = "true" if as_flag(given["separateOutputStream"]) else "false"
    return command
