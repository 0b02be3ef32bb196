"""Which event loop programs run on."""

import asyncio
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec

import pytest

from ferryman.system import event_loop


class Searches:
    """Finds nothing, and counts how often uvloop is looked for."""

    def __init__(self) -> None:
        self.of_uvloop = 0

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        self.of_uvloop += name == "uvloop"
        if name == "uvloop":
            raise ModuleNotFoundError(name)
        return None


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Searches]:
    """A machine without uvloop."""
    found = Searches()
    monkeypatch.delitem(sys.modules, "uvloop", raising=False)
    monkeypatch.setattr(sys, "meta_path", [found, *sys.meta_path])
    event_loop._loop_factory.cache_clear()
    yield found
    event_loop._loop_factory.cache_clear()


def test_uvloop_is_looked_for_once(searches: Searches) -> None:
    for _ in range(2):
        loop = event_loop.new_event_loop()
        loop.close()
        assert isinstance(loop, asyncio.SelectorEventLoop)
    assert searches.of_uvloop == 1
