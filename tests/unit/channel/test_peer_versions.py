import pytest

from ferryman.channel.peer_versions import agent_multiplexes, expects_keep_alive, takes_terminate_flag
from ferryman.model.values.versions import AGENT_VERSION


@pytest.mark.parametrize(
    ("version", "flag", "many", "keep_alive"),
    [
        ("", False, False, True),
        ("3.3.987", False, False, True),
        ("three.3.987.0", False, False, True),
        ("3.3.-987.0", False, False, True),
        ("2.3.722.0", False, False, True),
        ("2.3.723.0", True, False, True),
        ("3.0.196.0", True, False, True),
        ("3.0.222.0", True, True, True),
        ("3.1.1511.0", True, True, True),
        ("3.1.1511.1", True, True, False),
        ("3.3.1611.0", True, True, False),
        (AGENT_VERSION, True, True, False),
    ],
)
def test_versions_are_compared_as_awss_client_does(version: str, flag: bool, many: bool, keep_alive: bool) -> None:
    assert takes_terminate_flag(version) is flag
    assert agent_multiplexes(version) is many
    assert expects_keep_alive(version) is keep_alive
