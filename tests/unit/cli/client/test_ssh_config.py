import re

from ferryman.cli.client.ssh_config import configuration
from ferryman.client.calls.targets import Target

WEB = Target("mi-00000000000000001", "web-1")


def hosts(text: str) -> list[str]:
    return re.findall(r"^Host (.*)$", text, re.MULTILINE)


def test_a_node_is_reached_by_name_and_id() -> None:
    text = configuration([WEB], ["/opt/f 100%/ferryman"], {"--profile": "a b", "--region": None}, "admin")
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
    assert hosts(configuration(nodes, ["ferryman"], {}, None)) == [node.node_id for node in nodes]


def calling_itself(number: int, computer_name: str) -> Target:
    return Target(f"mi-000000000000003{number:02}", computer_name, True, computer_name, is_given=False)


def test_a_name_that_a_node_gives_itself_is_not_a_bare_alias() -> None:
    """Else a node that calls itself github.com would get what is meant for that."""
    node = calling_itself(1, "github.com")
    assert hosts(configuration([node, WEB], ["ferryman"], {}, None)) == [
        f"github.com.ferryman {node.node_id}",
        f"web-1 {WEB.node_id}",
    ]


def test_a_self_reported_name_cannot_take_over_an_alias() -> None:
    """Neither an administrator's, by whole name or first label, nor another node's id; and on a tie nobody gets it."""
    given = [WEB, Target("mi-00000000000000040", "db-1.example.org"), Target("mi-00000000000000041", "x.ferryman")]
    claims = ["web-1", "WEB-1", "db-1", "x", "twin", "Twin.example.org", "twin.example.org", "y", "y.example.org"]
    nodes = [calling_itself(place, claim) for place, claim in enumerate(claims)]
    assert hosts(configuration([*given, *nodes], ["ferryman"], {}, None)) == [
        *(f"{node.name} {node.node_id}" for node in given),
        *(node.node_id for node in nodes[:-1]),
        f"y.example.org.ferryman {nodes[-1].node_id}",
    ]


def test_names_of_administrators_that_differ_in_case_are_one() -> None:
    nodes = [Target("mi-00000000000000050", "app"), Target("mi-00000000000000051", "APP")]
    assert hosts(configuration(nodes, ["ferryman"], {}, None)) == [node.node_id for node in nodes]
