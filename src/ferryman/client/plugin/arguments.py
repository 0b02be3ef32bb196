"""Parses the arguments that the AWS CLI passes to `session-manager-plugin` (`protocol/client.md` §2).

Unlike AWS's client, ours reports invalid arguments on standard error with exit status 2.
"""

import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import msgspec

from ferryman.client.calls.expected_session import expected_session
from ferryman.client.calls.launch import (
    DEFAULT_RECONNECT_SECONDS,
    InvalidStreamUrl,
    Launch,
    checked_stream_url,
    split_url,
)
from ferryman.client.plugin import texts
from ferryman.client.prediction.setting import Prediction
from ferryman.model.values.secret import Secret

RESPONSE_VARIABLE_PREFIX = "AWS_SSM_START_SESSION_RESPONSE"
OPERATION = "StartSession"
RECONNECT_VARIABLE = "FERRYMAN_RECONNECT_SECONDS"
LONGEST_RECONNECT_SECONDS = 86_400.0
FORWARD_IDLE_VARIABLE = "FERRYMAN_FORWARD_IDLE_SECONDS"
DEFAULT_FORWARD_IDLE_SECONDS = 86_400.0
LONGEST_FORWARD_IDLE_SECONDS = 30 * 86_400.0
COMMAND_STDIN_VARIABLE = "FERRYMAN_COMMAND_STDIN"
SHELL_STATUS_VARIABLE = "FERRYMAN_SHELL_STATUS"
PREDICTION_VARIABLE = "FERRYMAN_PREDICT"


class InvalidArguments(Exception):
    """The command was started with invalid arguments or settings; the text is the message, and holds no secret."""


@dataclass(frozen=True, slots=True)
class ShowInstalled:
    """No arguments: say that the plugin is installed. `aws ecs execute-command` checks this way."""


@dataclass(frozen=True, slots=True)
class ShowVersion:
    """`--version`, which the AWS CLI compares with 1.2.497.0."""


Command = ShowInstalled | ShowVersion | Launch


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings for all sessions, from environment variables.

    `reconnect_seconds` bounds an outage. A forwarded port without a connection is closed after `forward_idle_seconds`,
    infinity for never. `command_stdin`: non-interactive commands read the standard input, which AWS's client leaves
    alone, and so does ours by default: in a loop over lines, the command would consume the lines. `shell_status`: the
    client exits with the shell's exit status. The AWS CLI shows any status but 0 as a failed command, and a shell's is
    that of the last command typed. `prediction`: when a shell shows what is typed before the node echoes it.
    """

    reconnect_seconds: float = DEFAULT_RECONNECT_SECONDS
    forward_idle_seconds: float = DEFAULT_FORWARD_IDLE_SECONDS
    command_stdin: bool = False
    shell_status: bool = False
    prediction: Prediction = Prediction.NEVER


def parse(arguments: Sequence[str], environment: MutableMapping[str, str]) -> Command:
    """Parse `arguments` (without the program's name).

    A launch has 3 to 6: response, region, operation, profile, request, endpoint; further ones are ignored. The
    response may be in an environment variable, which is removed once read. Raises `InvalidArguments`.
    """
    match list(arguments):
        case []:
            return ShowInstalled()
        case ["--version"]:
            return ShowVersion()
        case [unknown] | [unknown, _]:
            raise InvalidArguments(texts.unknown_operation(unknown))
        case [response, region, operation, *rest]:
            if operation != OPERATION:
                raise InvalidArguments("Invalid Operation\n")
            profile, request, endpoint, *_ = [*rest, *[""] * 3]
            return _launch(_response_text(response, environment), region, profile, request, endpoint)
    raise AssertionError("unreachable")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings in `environment`. Raises `InvalidArguments`."""
    idle = _seconds(
        environment, FORWARD_IDLE_VARIABLE, DEFAULT_FORWARD_IDLE_SECONDS, LONGEST_FORWARD_IDLE_SECONDS, " (0: no limit)"
    )
    return Settings(
        reconnect_seconds(environment),
        idle or math.inf,
        _switch(environment, COMMAND_STDIN_VARIABLE),
        _switch(environment, SHELL_STATUS_VARIABLE),
        _prediction(environment),
    )


def _prediction(environment: Mapping[str, str]) -> Prediction:
    value = environment.get(PREDICTION_VARIABLE, "") or Prediction.NEVER.value
    try:
        return Prediction(value.lower())
    except ValueError:
        choices = ", ".join(each.value for each in Prediction)
        raise InvalidArguments(texts.cannot_start(f"{PREDICTION_VARIABLE} must be one of {choices}")) from None


def _switch(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "")
    if value not in ("", "0", "1"):
        raise InvalidArguments(texts.cannot_start(f"{name} must be 0 or 1"))
    return value == "1"


def reconnect_seconds(environment: Mapping[str, str]) -> float:
    """Return for how long to try to restore a lost connection. Raises `InvalidArguments`."""
    return _seconds(environment, RECONNECT_VARIABLE, DEFAULT_RECONNECT_SECONDS, LONGEST_RECONNECT_SECONDS)


def _seconds(environment: Mapping[str, str], variable: str, default: float, longest: float, note: str = "") -> float:
    text = environment.get(variable, "")
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= longest:
        cause = f"{variable} must be a number of seconds from 0 to {longest:.0f}{note}"
        raise InvalidArguments(texts.cannot_start(cause))
    return seconds


def _launch(response: str, region: str, profile: str, request: str, endpoint: str) -> Launch:
    members = _members(response)
    session_id, token = _text_member(members, "SessionId"), Secret(_text_member(members, "TokenValue"))
    stream_url = _checked_stream_url(_text_member(members, "StreamUrl"))
    asked = _request(request)
    return Launch(
        session_id=session_id,
        token=token,
        stream_url=stream_url,
        region=region,
        profile=profile,
        target="" if asked is None else str(asked["Target"]),
        endpoint=_checked_endpoint(endpoint),
        expected=expected_session(stream_url, asked),
    )


def _checked_stream_url(url: str) -> str:
    try:
        return checked_stream_url(url)
    except InvalidStreamUrl as error:
        raise InvalidArguments(texts.cannot_start(str(error))) from error


def _response_text(argument: str, environment: MutableMapping[str, str]) -> str:
    if not argument.startswith(RESPONSE_VARIABLE_PREFIX):
        return argument
    text = environment.pop(argument, None)
    if text is None:
        raise InvalidArguments(texts.cannot_start(f"the environment variable {argument} is not set"))
    return text


def _members(response: str) -> Mapping[str, object]:
    try:
        decoded = msgspec.json.decode(response)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise InvalidArguments(texts.cannot_start("the StartSession response is not JSON")) from None
    if not isinstance(decoded, dict):
        raise InvalidArguments(texts.cannot_start("the StartSession response is not a JSON object"))
    return {str(key).lower(): value for key, value in decoded.items()}


def _text_member(members: Mapping[str, object], name: str) -> str:
    value = members.get(name.lower())
    if not isinstance(value, str) or not value:
        raise InvalidArguments(texts.cannot_start(f"the StartSession response has no {name}"))
    return value


def _request(request: str) -> Mapping[str, object] | None:
    if not request:
        return None
    try:
        decoded = msgspec.json.decode(request)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise InvalidArguments(texts.cannot_start("the StartSession request (fifth argument) is not JSON")) from None
    if not isinstance(decoded, dict) or not isinstance(decoded.get("Target"), str):
        raise InvalidArguments(texts.cannot_start("the StartSession request (fifth argument) names no Target"))
    return decoded


def _checked_endpoint(url: str) -> str:
    parts = split_url(url)
    if url and (parts is None or parts.scheme not in ("http", "https") or not parts.hostname):
        raise InvalidArguments(texts.cannot_start("the endpoint (sixth argument) must be http://HOST or https://HOST"))
    return url
