"""The two services: the steps that install and uninstall each of them, and where its files are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ferryman.installation.machine import has_systemd
from ferryman.installation.steps import (
    CreateAccount,
    MakeDirectory,
    Remove,
    RemoveAccount,
    Step,
    Systemctl,
    WriteFile,
    run_program,
)

ACCOUNT = "ferryman"
SERVER_UNIT, AGENT_UNIT = "ferryman-server.service", "ferryman-agent.service"
CONFIGURATION, DATA, LOGS = Path("/etc/ferryman"), Path("/var/lib/ferryman"), Path("/var/log/ferryman")
AGENT_STATE = Path("/var/lib/ferryman-agent")
SUDOERS = Path("/etc/sudoers.d/ferryman-agent-users")
"""Written by the agent if agent.toml says `ssm_user_sudo`."""
UNITS = Path("/etc/systemd/system")

_AGENT_SETTINGS = """\
# The agent's settings; it reads them when it starts. docs/reference/agent.md describes them all.

# Sessions whose document names no account run as ssm-user, which the agent creates. It cannot become root.
ssm_user = true
ssm_user_sudo = false
"""
_AGENT_SETTINGS_OF_USER = """\
# The agent's settings; it reads them when it starts. docs/reference/agent.md describes them all.
"""


@dataclass(frozen=True, slots=True)
class SystemdService:
    """A service's steps, in order."""

    unit: str
    install: Sequence[Step]
    uninstall: Sequence[Step]
    purge: Sequence[Step]
    """Steps after `uninstall` that remove everything else of the service, its state too."""

    def start(self, *, changed: bool) -> Sequence[Step]:
        """Start it at every boot, and now unless it runs; if `changed`, stop one that runs first."""
        verb = "restart" if changed else "start"
        return (Systemctl(("enable", self.unit), live=False), Systemctl((verb, self.unit)))


def server_service(program: Path) -> SystemdService:
    """Return the server's service, which runs this `ferryman`."""
    text = template(SERVER_UNIT).replace("@PROGRAM@", _quoted(program))
    return SystemdService(
        SERVER_UNIT,
        install=(
            CreateAccount(ACCOUNT, "Ferryman server", str(DATA)),
            MakeDirectory(CONFIGURATION, "root", 0o755),
            MakeDirectory(DATA, ACCOUNT, 0o750),
            MakeDirectory(LOGS, ACCOUNT, 0o750),
            WriteFile(UNITS / SERVER_UNIT, text),
            Systemctl(("daemon-reload",), after_changes=True),
        ),
        uninstall=_stopped(SERVER_UNIT),
        purge=(Remove(CONFIGURATION), Remove(DATA), Remove(LOGS), RemoveAccount(ACCOUNT)),
    )


def agent_service(program: Path, user: str | None = None) -> SystemdService:
    """Return the agent's service, which runs this `ferryman`, as root or as `user`."""
    account = template("agent-as-root.conf" if user is None else "agent-as-user.conf").replace("@USER@", user or "")
    text = template(AGENT_UNIT).replace("@PROGRAM@", _quoted(program)).replace("@ACCOUNT@", account)
    owner = user or "root"
    ours = (_AGENT_SETTINGS, _AGENT_SETTINGS_OF_USER)
    settings = ours[0] if user is None else ours[1]
    return SystemdService(
        AGENT_UNIT,
        install=(
            MakeDirectory(AGENT_STATE, owner, 0o700, contents=True),
            WriteFile(AGENT_STATE / "agent.toml", settings, 0o600, keep=True, owner=owner, replaced=ours),
            WriteFile(UNITS / AGENT_UNIT, text),
            Systemctl(("daemon-reload",), after_changes=True),
        ),
        uninstall=_stopped(AGENT_UNIT),
        purge=(Remove(AGENT_STATE), Remove(SUDOERS)),
    )


def restart_server(key_file: Path) -> bool:
    """Restart the installed server, if it runs and reads these keys as a credential; return whether that was tried.

    Raises `NotInstalled` if systemd refuses.
    """
    unit = UNITS / SERVER_UNIT
    if key_file != CONFIGURATION / "server.key" or not unit.exists() or not has_systemd(Path("/")):
        return False
    run_program(["systemctl", "try-restart", SERVER_UNIT])
    return True


def template(name: str) -> str:
    """Return a file of `units/`."""
    from importlib import resources  # agents, which do not install themselves, are spared its memory

    return (resources.files("ferryman.installation") / "units" / name).read_text()


def _stopped(unit: str) -> Sequence[Step]:
    return (
        Systemctl(("stop", unit), unit_file=UNITS / unit),
        Systemctl(("disable", unit), live=False, unit_file=UNITS / unit),
        Remove(UNITS / unit),
        Systemctl(("daemon-reload",), after_changes=True),
    )


def _quoted(program: Path) -> str:
    """Return a path as ExecStart= accepts it."""
    text = str(program).replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if " " in text else text
