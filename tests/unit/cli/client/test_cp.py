import pytest

from ferryman.cli.client.cp import split


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("web-1:/etc/hosts", ("web-1", "/etc/hosts")),
        ("web-1:", ("web-1", "")),
        ("web-1:a:b", ("web-1", "a:b")),
        ("tag:role=db:/dump", ("tag:role=db", "/dump")),
        ("./a:b", None),
        ("/a:b", None),
        ("a", None),
        (":a", None),
        ("tag:role=db", None),
    ],
)
def test_a_node_s_path_is_distinguished_from_a_local_one(text: str, parts: tuple[str, str] | None) -> None:
    assert split(text) == parts
