import asyncio
import os
import socket
from pathlib import Path

import pytest

from ferryman.system.service_manager import ALIVE, READY, ServiceManager


@pytest.fixture
def manager_socket(tmp_path: Path) -> socket.socket:
    receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiving.bind(str(tmp_path / "notify"))
    receiving.settimeout(60)
    return receiving


def test_a_state_arrives(manager_socket: socket.socket) -> None:
    with manager_socket:
        ServiceManager(manager_socket.getsockname()).notify(READY)
        assert manager_socket.recv(100) == b"READY=1"


def test_an_address_that_begins_with_an_at_sign_is_abstract() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(f"\0ferryman-test-{os.getpid()}")
        receiving.settimeout(60)
        ServiceManager(f"@ferryman-test-{os.getpid()}").notify(READY)
        assert receiving.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_nobody_to_notify_is_not_an_error(address: str) -> None:
    ServiceManager(address).notify(READY)


def test_children_do_not_inherit_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "1500000")
    manager = ServiceManager.of_this_process()
    assert manager.watchdog_seconds == 1.5
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()


def test_a_watchdog_of_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1500000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert ServiceManager.of_this_process().watchdog_seconds is None


async def test_the_watchdog_is_fed_until_cancelled(manager_socket: socket.socket) -> None:
    with manager_socket:
        feeding = asyncio.create_task(ServiceManager(manager_socket.getsockname(), 0.003).keep_alive())
        for _ in range(3):
            assert await asyncio.to_thread(manager_socket.recv, 100) == ALIVE.encode()
        feeding.cancel()


async def test_without_a_watchdog_there_is_nothing_to_feed() -> None:
    await ServiceManager("/nowhere/notify").keep_alive()
