"""Audit records of operators' commands that change the store or the keys: the person, the command, and the result."""

import getpass
import os
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.service import Result, wall_clock, with_service
from ferryman.model.errors import ServiceError
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.core.service import Service

SOURCE = "ferryman.cli"
Parameters: TypeAlias = Mapping[str, str | bool | int]
"""A command's parameters; nothing secret."""


@contextmanager
def recorded(loaded: LoadedConfiguration, command: str, parameters: Parameters) -> Iterator[None]:
    """Record the work in this context as `command`, such as `user add`, whether it succeeds or fails.

    Raises Failure before anything is done if that cannot be recorded and `audit.required` is set.
    """
    from ferryman.audit.pending import PURPOSE, PendingRecord

    audit = loaded.configuration.audit
    directory = loaded.path(audit.directory)
    try:
        record = PendingRecord(directory, time.time_ns())
    except OSError as error:
        if not audit.required:
            yield
            return
        raise Failure(
            f"`ferryman {command}` cannot be recorded in {directory}",
            error.strerror or str(error),
            "Run it as the server's user, free some disk space, or set audit.required = false",
        ) from error
    key = read_server_keys(loaded).vault().derive(PURPOSE)
    try:
        yield
    except (ServiceError, Failure) as error:
        code, message = (error.code, error.message) if isinstance(error, ServiceError) else ("Failure", error.line)
        record.write(key, _entry(loaded, command, parameters, {"errorCode": code, "errorMessage": message}))
        raise
    except BaseException as error:
        failed = {"errorCode": "InternalError", "errorMessage": type(error).__name__}
        record.write(key, _entry(loaded, command, parameters, failed))
        raise
    record.write(key, _entry(loaded, command, parameters, {}))


def run_recorded(
    loaded: LoadedConfiguration,
    command: str,
    parameters: Parameters,
    work: Callable[["Service"], Coroutine[None, None, Result]],
) -> Result:
    """Run one use case against the configured store, recorded; raises as `recorded`."""
    with recorded(loaded, command, parameters):
        return with_service(loaded, work)


def _entry(
    loaded: LoadedConfiguration, command: str, parameters: Parameters, outcome: Mapping[str, str]
) -> dict[str, Any]:
    from ferryman.core.audit.records import EVENT_VERSION, moment
    from ferryman.core.audit.redaction import text

    server = loaded.configuration.server
    return {
        "eventVersion": EVENT_VERSION,
        "eventID": str(uuid.uuid4()),
        "eventTime": moment(wall_clock()),
        "eventSource": SOURCE,
        "eventName": command,
        "eventType": "OperatorCommand",
        "eventCategory": "Management",
        "managementEvent": True,
        "readOnly": False,
        "awsRegion": server.region,
        "recipientAccountId": server.account_id,
        "sourceIPAddress": None,
        "userAgent": f"ferryman ({sys.platform})",
        "userIdentity": {"type": "Operator", "principalId": str(os.getuid()), "userName": text(_user())},
        "requestParameters": {
            name: text(value) if isinstance(value, str) else value for name, value in parameters.items()
        },
        "responseElements": None,
        **{name: text(value) for name, value in outcome.items()},
    }


def _user() -> str:
    """Return who runs the command: the user before `sudo`, if it was used."""
    try:
        own = getpass.getuser()
    except (KeyError, OSError):  # no account has this number
        own = str(os.getuid())
    before = os.environ.get("SUDO_USER")
    return f"{before} as {own}" if before and before != own else own
