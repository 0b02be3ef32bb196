"""The compose file of three servers holds configurations that the programs accept, and the packaged load balancer's."""

from pathlib import Path

import yaml

from ferryman.bootstrap.configuration import load

PACKAGING = Path(__file__).parents[2] / "packaging"
NAMES = ("one", "two", "three")


def _configs() -> dict[str, str]:
    compose = yaml.safe_load((PACKAGING / "container" / "three-servers.yaml").read_text())
    return {name: config["content"] for name, config in compose["configs"].items()}


def test_servers_of_the_compose_file_have_a_valid_configuration(tmp_path: Path) -> None:
    text = _configs()["ferryman"]
    begin, end = text.index("${FERRYMAN_PUBLIC_URL"), text.index("}") + 1
    path = tmp_path / "ferryman.toml"
    path.write_text(text[:begin] + "https://sessions.example.com" + text[end:])
    path.chmod(0o600)
    loaded = load(path)
    assert loaded.configuration.bus.servers == ("nats://127.0.0.1:4222",)


def test_haproxy_of_the_compose_file_is_the_packaged_one() -> None:
    packaged = (PACKAGING / "load-balancers" / "haproxy.cfg").read_text()
    for number, name in enumerate(NAMES, 1):
        packaged = packaged.replace(f"192.0.2.{number}:7330", f"{name}:7330")
    assert _configs()["haproxy"].strip() == packaged[packaged.index("defaults") :].strip()
