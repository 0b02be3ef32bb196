"""The agent's configuration: `agent.toml` in its state directory, every key optional."""

import re
from pathlib import Path

import msgspec

from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.process.resource_limits import DEFAULT_LIMITS, ResourceLimits
from ferryman.agent.session.destinations import DENIED_BY_DEFAULT, networks
from ferryman.model.failures import said_by
from ferryman.system.settings_file import InvalidSetting, decode_settings

FILE_NAME = "agent.toml"
_ENDPOINT = re.compile(r"https?://[^/?#@\s]+/?")


class KmsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The KMS that decrypts the data keys of encrypted sessions: by default the server's, with the node's
    credentials."""

    keys: tuple[str, ...] = ()
    """Only sessions that are encrypted with one of these keys are run; none: all sessions."""
    endpoint: str | None = None
    """URL of another KMS."""
    region: str | None = None
    """The region it is called in; None: that in the key's ARN, or the node's."""
    ca_file: str | None = None
    """CA certificates for `endpoint`; None: the system's."""
    credentials_file: str | None = None
    """A file like `~/.aws/credentials`, read for every call, with the credentials for `endpoint`."""
    profile: str = "default"
    """The section of `credentials_file`."""
    require_challenge_response: bool = False
    """Refuse clients that do not bind the data key to this node's random challenge: AWS's never does."""


class AgentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of the node's administrator."""

    run_as: str | None = None
    """Account for sessions whose document sets none; None: the agent's own."""
    ssm_user: bool = False
    """Such sessions run as `ssm-user`, which is created if it is missing."""
    ssm_user_sudo: bool = False
    """`ssm-user` may become root without a password."""
    max_sessions: int = 1000
    denied_hosts: tuple[str, ...] = DENIED_BY_DEFAULT
    """Addresses and networks that port sessions with a `host` may not reach; replaces the default."""
    limits: ResourceLimits = DEFAULT_LIMITS
    kms: KmsSettings = KmsSettings()


DEFAULT_SETTINGS = AgentSettings()


def read_settings(state_dir: Path) -> AgentSettings:
    """Return the settings of the agent with this state directory; raises `StateUnusable` naming what is wrong."""
    path = state_dir / FILE_NAME
    try:
        settings = decode_settings(path.read_bytes(), AgentSettings)
        networks(settings.denied_hosts)
    except FileNotFoundError:
        return DEFAULT_SETTINGS
    except InvalidSetting as error:
        raise StateUnusable(f"cannot use {path}: {error}{f'. {error.advice}' if error.advice else ''}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise StateUnusable(f"cannot use {path}: {said_by(error)}") from error
    if settings.max_sessions < 1:
        raise StateUnusable(f"cannot use {path}: max_sessions is less than 1")
    if settings.kms.endpoint is None and (settings.kms.ca_file or settings.kms.credentials_file):
        raise StateUnusable(f"cannot use {path}: kms.ca_file and kms.credentials_file need kms.endpoint")
    if settings.kms.endpoint is not None and not _ENDPOINT.fullmatch(settings.kms.endpoint):
        raise StateUnusable(f"cannot use {path}: kms.endpoint must be https://HOST[:PORT] or http://HOST[:PORT]")
    if settings.ssm_user and settings.run_as:
        raise StateUnusable(f"cannot use {path}: ssm_user and run_as cannot both be set")
    return settings
