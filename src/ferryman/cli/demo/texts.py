"""What the demo says to people: what it starts, what there is, and what to try."""

import shlex
import sys
from pathlib import Path

from ferryman.cli.demo.parts import NODE_NAME, Parts
from ferryman.model.failures import counted

_NEXT = "docs/tutorial/first-session.md"
"""In the checkout: sets up a server that stays."""


def announcement(servers: int, nodes: int) -> str:
    """Say what will be started, and how long that takes."""
    if servers == 1:
        return f"Starting a server and {_agents(nodes)} for this machine: this takes a few seconds."
    return (
        f"Starting PostgreSQL, NATS, a load balancer, {servers} servers and {_agents(nodes)} for this machine: this "
        "takes up to half a minute."
    )


def start_session(parts: Parts) -> list[str]:
    """Return the arguments with which `aws` opens a shell on the first node."""
    return ["ssm", "start-session", "--target", parts.node_ids[0]]


def introduction(parts: Parts) -> str:
    """Say which server, nodes and AWS profile there are; ends with an empty line."""
    servers = len(parts.server_pids)
    address = parts.made.public_url if servers == 1 else f"{servers} behind {parts.made.public_url}"
    one = len(parts.node_ids) == 1
    return (
        f"{'Server' if servers == 1 else 'Servers':9}{address}, account {parts.made.account_id}, "
        f"region {parts.made.region}\n"
        f"{'Node' if one else 'Nodes':9}{', '.join(parts.node_ids)}, which {'is' if one else 'are all'} this machine\n"
        f"Profile  {parts.made.profile_directory}; your own AWS configuration is not changed\n\n"
    )


def welcome(parts: Parts, directory: Path, link: str) -> str:
    """Introduce the shell that is about to open; `link` signs a browser in, and may be ""."""
    return (
        f"\n{introduction(parts)}{_console(link)}"
        "This shell is set up to use them. Try:\n\n"
        f"  ferryman shell {NODE_NAME}                    # a shell on the node, until `exit`\n"
        f"  ferryman run {NODE_NAME} -- uname -a          # one command, with its exit status\n"
        f"  aws {' '.join(start_session(parts))}\n\n"
        f"{losing_a_server(directory, len(parts.server_pids))}"
        f"Then read {_NEXT}. `ferryman help` lists the commands; `exit` stops the demo.\n"
    )


def instructions(parts: Parts, directory: Path, link: str) -> str:
    """Say what to type in another shell; `link` signs a browser in, and may be ""."""
    profile = parts.made.profile_directory
    return (
        f"{introduction(parts)}{_console(link)}In another shell:\n\n"
        f"  export AWS_CONFIG_FILE={profile / 'config'} AWS_SHARED_CREDENTIALS_FILE={profile / 'credentials'}\n"
        f"  export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH\n"
        f"  aws {' '.join(start_session(parts))}\n\n"
        f"{losing_a_server(directory, len(parts.server_pids))}"
        "Close standard input (Ctrl-D) or press Ctrl-C to stop the demo."
    )


def losing_a_server(directory: Path, servers: int) -> str:
    """Say how to kill one of several servers under a session; "" if there is only one."""
    if servers == 1:
        return ""
    return (
        "To see what losing a server does, let a session count, and kill servers from another terminal:\n\n"
        "  for i in $(seq 1000); do echo $i; sleep 0.1; done    # in the session\n"
        f"  pkill -9 -f {shlex.quote(f'{directory}/server1/')}    # up to server{servers}\n\n"
        f"A killed server restarts within seconds. The servers' logs are {directory}/server*.log.\n\n"
    )


def _agents(number: int) -> str:
    return "an agent" if number == 1 else counted(number, "agent")


def _console(link: str) -> str:
    return f"Console, signed in once within a minute; later, run `ferryman console`:\n\n  {link}\n\n" if link else ""
