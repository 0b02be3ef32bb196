"""The node's temporary credentials, against the scripted service with a clock of the test's."""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from ferryman.agent.identity.credentials import NOT_THIS_MACHINE, CredentialSource
from ferryman.agent.identity.state import StateDirectory
from ferryman.model.errors import ServiceError
from ferryman.signing.rsa import encode_public_key
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import HttpClient
from tests.unit.agent.peers import Service

UPDATE = "UpdateManagedInstancePublicKey"
TOKEN = "RequestManagedInstanceRoleToken"


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="function")
async def http(service: Service) -> AsyncIterator[HttpClient]:
    async with HttpClient(service.url, user_agent="t") as client:
        yield client


@pytest.fixture
def source(state: StateDirectory, http: HttpClient, clock: Clock) -> CredentialSource:
    return CredentialSource(state, http, clock)


def asked(service: Service) -> int:
    return service.operations().count(TOKEN)


async def test_asked_for_once_and_kept(service: Service, source: CredentialSource) -> None:
    together = await asyncio.gather(*(source.current() for _ in range(5)))
    assert {credentials.access_key_id for credentials in together} == {"ASIA0000000000000000"}
    assert asked(service) == 1


async def test_another_process_uses_what_this_one_left(
    service: Service, state: StateDirectory, http: HttpClient, source: CredentialSource
) -> None:
    left = await source.current()
    assert await CredentialSource(state, http).current() == left
    assert asked(service) == 1


async def test_renewed_at_half_of_their_life(service: Service, source: CredentialSource, clock: Clock) -> None:
    first = await source.current()
    clock.ahead = service.token_life / 2 - 60
    assert await source.current() == first
    assert source.seconds_until(first.refresh_at) == pytest.approx(60, abs=5)
    clock.ahead = 0  # the service checks the signature's time
    source._current = msgspec.structs.replace(first, expires_at=time.time() + 10, issued_at=time.time() - 10)
    source._state.save_credentials(source._current)
    assert (await source.current()).access_key_id != first.access_key_id


async def test_old_ones_serve_while_the_server_is_away(
    service: Service, source: CredentialSource, clock: Clock
) -> None:
    first = await source.current()
    await service.stop()
    clock.ahead = service.token_life * 0.9
    assert await source.current() == first
    clock.ahead = service.token_life + 1
    with pytest.raises(Unreachable):
        await source.current()


async def test_a_refusal_is_not_hidden_by_old_ones(service: Service, source: CredentialSource) -> None:
    await source.current()
    service.refusals[TOKEN] = (400, "AccessDeniedException")
    with pytest.raises(ServiceError):
        await source.renew()


async def test_a_copy_on_another_machine_does_not_pass_for_this_one(
    service: Service, state: StateDirectory, http: HttpClient
) -> None:
    copied = msgspec.structs.replace(state.registration(), machine="another machine's")
    state.save_registration(copied, state.key())
    await CredentialSource(state, http).current()
    assert service.calls[-1] == (TOKEN, {"Fingerprint": NOT_THIS_MACHINE})


async def test_secrets_do_not_show(source: CredentialSource) -> None:
    assert "secret" not in repr(await source.current())
    assert "token" not in repr(await source.current())


async def test_the_key_is_replaced_when_the_server_asks_for_it(
    service: Service, state: StateDirectory, source: CredentialSource
) -> None:
    first = await source.current()
    assert not source.key_is_old
    service.update_key_pair, old = True, encode_public_key(state.key())
    await source.renew()
    assert source.key_is_old
    await source.update_key()
    assert not source.key_is_old
    assert service.public_key == encode_public_key(state.key()) != old
    assert state.next_key() is None
    assert not source.key_is_old
    assert (await source.renew()).access_key_id != first.access_key_id  # signed with the new key
    assert [name for name in service.operations() if name == UPDATE] == [UPDATE]


async def test_a_key_whose_answer_was_lost_is_found_out(
    service: Service, state: StateDirectory, http: HttpClient, source: CredentialSource
) -> None:
    """By the next request, also one of another process: a session's worker, or the next agent."""
    old = encode_public_key(state.key())
    service.loses_answers = True
    with pytest.raises(Unreachable):
        await source.update_key()
    assert encode_public_key(state.key()) == old != service.public_key
    await CredentialSource(state, http).renew()
    assert service.public_key == encode_public_key(state.key())
    assert state.next_key() is None
    await source.renew()


async def test_a_key_that_never_arrived_is_offered_again(
    service: Service, state: StateDirectory, source: CredentialSource
) -> None:
    service.refusals[UPDATE] = (500, "InternalServerError")
    with pytest.raises((ServiceError, Unreachable)):
        await source.update_key()
    offered = state.next_key()
    assert offered is not None
    await source.renew()  # the old one is good still
    service.refusals.clear()
    await source.update_key()
    assert service.public_key == encode_public_key(state.key()) == encode_public_key(offered)


async def test_a_new_registration_forgets_the_next_key(
    service: Service, state: StateDirectory, source: CredentialSource
) -> None:
    service.refusals[UPDATE] = (500, "InternalServerError")
    with pytest.raises((ServiceError, Unreachable)):
        await source.update_key()
    state.save_registration(state.registration(), state.key())
    assert state.next_key() is None
