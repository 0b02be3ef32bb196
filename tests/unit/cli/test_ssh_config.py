import re

from ferryman.cli.ssh_config import configuration
from ferryman.plugin.target import Target

WEB = Target("mi-00000000000000001", "web-1")


def hosts(text: str) -> list[str]:
    return re.findall(r"^Host (.*)$", text, re.MULTILINE)


def test_a_node_is_reached_by_name_and_id() -> None:
    text = configuration([WEB], "/opt/f 100%/ferryman", {"--profile": "a b", "--region": None}, "admin")
    assert "\n".join(text.splitlines()[2:]) == (
        "Host web-1 mi-00000000000000001\n"
        "    HostName mi-00000000000000001\n"
        "    User admin\n"
        "    ProxyCommand '/opt/f 100%%/ferryman' forward --profile 'a b' --stdio %p %h"
    )


def test_a_name_that_is_not_one_node_s_is_left_out() -> None:
    twins = [Target(f"mi-0000000000000001{n}", "twin") for n in range(2)]
    odd = [Target("mi-00000000000000020", "*"), Target("mi-00000000000000021", "a b\nProxyCommand x")]
    nodes = [*twins, *odd]
    assert hosts(configuration(nodes, "ferryman", {}, None)) == [node.node_id for node in nodes]
