"""The demos of end-to-end tests, and shells on their nodes.

Starting a demo takes seconds of both processors, so tests share one where they leave its server and its agent running.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.demo import Ferryman, running_demo
from tests.e2e.shell import OpenShell, Reachable, Shell
from tests.waiting import wait_until


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of a demo's logs with a test that fails: they are deleted with the demo."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for value in item.funcargs.values():
            if isinstance(value, Ferryman):
                report.sections += value.log_ends()
    return report


@pytest.fixture(scope="session")
def shared_ferryman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    """One demo for all modules that share; afterwards nothing of it runs."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def ferryman(shared_ferryman: Ferryman) -> Ferryman:
    """The shared demo without what other modules' tests left in it; its server and its agent are to be left running."""
    shared_ferryman.clear()
    return shared_ferryman


@pytest.fixture
def no_sessions(ferryman: Ferryman) -> None:
    """Earlier tests' sessions are over: a client may end before its session's row says so."""
    wait_until(ferryman.has_no_sessions)


@pytest.fixture(scope="module")
def module_ferryman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    """A demo for one module's tests; afterwards nothing of it runs."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def own_ferryman(module_ferryman: Ferryman) -> Ferryman:
    """The module's demo: its agent is connected, also if the test before has killed a part."""
    wait_until(module_ferryman.is_connected)
    return module_ferryman


@pytest.fixture
def start_ferryman(tmp_path: Path) -> Iterator[Callable[..., Ferryman]]:
    """Start a demo of a test's own, with options, to be killed at will."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(running_demo(tmp_path, *options))


@pytest.fixture
def open_shell(tmp_path: Path) -> Iterator[OpenShell]:
    """Open shells that are closed with the test."""
    opened: list[Shell] = []

    def open_(ferryman: Reachable, *command: str) -> Shell:
        opened.append(Shell(ferryman, tmp_path / f"complaints-{len(opened)}", *command))
        return opened[-1]

    yield open_
    for each in opened:
        each.child.close(force=True)
