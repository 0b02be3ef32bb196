"""The packaged load balancers' configurations, run for servers on this machine without TLS."""

import contextlib
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tests.waiting import PATIENCE, wait_until

PACKAGED = Path(__file__).parents[3] / "packaging" / "load-balancers"
FILES = {"haproxy": "haproxy.cfg", "nginx": "nginx.conf", "envoy": "envoy.yaml"}
"""By the program's name."""
NAMES = ("one", "two", "three")
_NGINX = """\
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    {kinds}
    include {directory}/ferryman.conf;
}}
"""
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextlib.contextmanager
def running_balancer(program: str, directory: Path, port: int, servers: Sequence[int]) -> Iterator[None]:
    """Run HAProxy, nginx or Envoy in front of three ports until the end of the context."""
    kind = Path(program).name
    packaged = (PACKAGED / FILES[kind]).read_text()
    settings = directory / FILES[kind]
    match kind:
        case "haproxy":
            settings.write_text(_haproxy(packaged, port, servers))
            command = [program, "-f", str(settings)]
        case "nginx":
            (directory / "ferryman.conf").write_text(_nginx(packaged, port, servers))
            kinds = " ".join(f"{each}_temp_path {directory}/{each};" for each in _TEMPORARY)
            settings.write_text(_NGINX.format(directory=directory, kinds=kinds))
            command = [program, "-p", str(directory), "-c", str(settings)]
        case _:
            settings.write_text(_envoy(packaged, port, servers))
            command = [program, "-c", str(settings), "--log-level", "error", "--use-dynamic-base-id"]
    with (directory / f"{kind}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def listens() -> bool:
        assert process.poll() is None, (directory / f"{kind}.log").read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            return True
        return False

    try:
        wait_until(listens)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _haproxy(settings: str, port: int, servers: Sequence[int]) -> str:
    settings = re.sub(r"(?m)^( *)bind .*$", rf"\1bind 127.0.0.1:{port}", settings)
    for name, each in zip(NAMES, servers, strict=True):
        settings = re.sub(rf"(?m)^( *server {name}(?:-anyway)?) \S+", rf"\1 127.0.0.1:{each}", settings)
    return settings


def _nginx(settings: str, port: int, servers: Sequence[int]) -> str:
    settings = settings.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    settings = re.sub(r"(?m)^ *ssl_certificate.*\n", "", settings)
    for number, each in enumerate(servers, 1):
        settings = settings.replace(f"192.0.2.{number}:7330", f"127.0.0.1:{each}")
    return settings


def _envoy(settings: str, port: int, servers: Sequence[int]) -> str:
    for number, each in enumerate(servers, 1):
        settings = settings.replace(
            f"address: 192.0.2.{number}, port_value: 7330", f"address: 127.0.0.1, port_value: {each}"
        )
    parsed = yaml.safe_load(settings)
    (listener,) = parsed["static_resources"]["listeners"]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    del listener["filter_chains"][0]["transport_socket"]
    return yaml.safe_dump(parsed)
