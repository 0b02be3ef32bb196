"""`ferryman console` opens a browser only where its link cannot be read on the way."""

from typing import Any, cast

import pytest

from ferryman.cli.client.console import console_link
from ferryman.client.calls.api import Api
from ferryman.model.failures import Failure


class Answering:
    """A server that answers with a link of its choice."""

    def __init__(self, link: str) -> None:
        self.link = link

    def call(self, operation: str, **members: object) -> dict[str, Any]:
        assert (operation, members) == ("CreateConsoleLink", {})
        return {"ConsoleUrl": self.link}


def link(text: str) -> str:
    return console_link(cast(Api, Answering(text)))


@pytest.mark.parametrize("text", ["https://h.example/console/api/sign-in/link#t", "http://127.0.0.1:7330/c#t"])
def test_a_safe_link_is_used(text: str) -> None:
    assert link(text) == text


@pytest.mark.parametrize(
    "text", ["http://h.example/c#t", "file:///etc/passwd", "javascript:alert(1)", "https://[x", "", "https://h/\x1b[2J"]
)
def test_other_links_are_not_opened(text: str) -> None:
    with pytest.raises(Failure, match="cannot be opened"):
        link(text)
