"""No parser of foreign bytes is forgotten: a function that decodes runs in some target, or is excused here."""

import sys
from functools import cache

from tests.fuzz.engine import Coverage
from tests.fuzz.parsers import readers
from tests.fuzz.registry import TARGETS

CACHED = type(cache(len))
OWN_WORK = "reads what this installation wrote itself"
ADDRESS = "gets an address or a URL of the kernel, of a person's own, or one that a fuzzed function has passed"
WIRE = "calls wire.agent_message and wire.payloads, which are fuzzed, and catches what they document"

BOTOCORE = "reads botocore's own files"
NOT_FUZZED = {
    "agent.data_keys.DataKeys._decrypt": "what KMS answers; anything that is not base64 is refused: see its unit test",
    "agent.information._address_towards": ADDRESS,
    "agent.workers.pool.WorkerPool.fork": OWN_WORK,
    "agent.identity.state.StateDirectory.registration": OWN_WORK,
    "agent.identity.state.read_struct": OWN_WORK,
    "agent.workers.zygote._receive": OWN_WORK,
    "agent.workers.zygote._work": OWN_WORK,
    "bootstrap.access.notices._email": ADDRESS,
    "bootstrap.access.notices._webhook": ADDRESS,
    "bootstrap.audit.sinks._webhook": ADDRESS,
    "cli.client.access_on_request._known": "JSON that is not an object counts as nothing; see its unit test",
    "cli.program.node_names.known_nodes": "reads its own cache; whatever fails, nothing is suggested",
    "client.calls.data_files.DecodedOnLookup.__getitem__": BOTOCORE,
    "client.calls.data_files.DecodedOnLookup.__init__": BOTOCORE,
    "client.calls.data_files._endpoints": BOTOCORE,
    "client.calls.data_files._read": BOTOCORE,
    "cli.client.console.console_link": ADDRESS,
    "cli.doctor.client.examine_server": ADDRESS,
    "bootstrap.bus.settings._is_usable": ADDRESS,
    "bootstrap.keys.certificates._names": OWN_WORK,
    "bootstrap.keys.certificates._subtree": OWN_WORK,
    "cli.client.sign_in.credentials.credentials": OWN_WORK,
    "client.login.cache.LoginCache.read": OWN_WORK,
    "client.login.contexts.read_contexts": OWN_WORK,
    "client.login.server_address.name_of": ADDRESS,
    "client.login.server_address.server_url": ADDRESS,
    "cli.doctor.server._names": ADDRESS,
    "cli.doctor.destinations._named": OWN_WORK,
    "recording.outputs.cloud_watch.put_log": OWN_WORK,
    "recording.outputs.s3.abort_upload": OWN_WORK,
    "recording.outputs.stream.SessionStream.__init__": OWN_WORK,
    "store.outputs._pending": OWN_WORK,
    "bootstrap.keys.server_keys._decoded": OWN_WORK,
    "bootstrap.keys.server_keys.parse_keys": OWN_WORK,
    "core.changes.on_change.<locals>.changed": "reads what another server of the same store published",
    "core.console.browser_sessions.continued_caller": OWN_WORK,
    "core.console.oidc._opened": "reads only what was sealed under the server's key",
    "core.documents.types.content_of": OWN_WORK,
    "core.documents.types.text_of": OWN_WORK,
    "core.documents.work.perform": OWN_WORK,
    "core.documents.actions._read": OWN_WORK,
    "core.sessions.document._read": OWN_WORK,
    "core.sessions.document.encryption_key": OWN_WORK,
    "core.sessions.document.forwarded_port": OWN_WORK,
    "core.sessions.document.required_observers": OWN_WORK,
    "core.sessions.document.type_of": OWN_WORK,
    "core.sessions.recording_mode._said": OWN_WORK,
    "client.calls.endpoints.check_endpoint": ADDRESS,
    "client.calls.endpoints.is_default_endpoint": ADDRESS,
    "client.calls.endpoints.not_an_address": ADDRESS,
    "client.login.oidc.sign_in_with_browser": ADDRESS,
    "audit.pending._opened": "reads only what bears a code under the server's key",
    "audit.sinks.position.read_position": OWN_WORK,
    "recording.search.child.main": OWN_WORK,
    "recording.search.process.LineProcess._exchange": OWN_WORK,
    "sandbox.child._answer": OWN_WORK,
    "sandbox.child._serve": OWN_WORK,
    "sandbox.worker._Lane._ask": OWN_WORK,
    "sandbox.worker._exchange": OWN_WORK,
    "server.channels.control_channel.ControlChannel._read": WIRE,
    "server.listener.unauthenticated._address": ADDRESS,
    "server.channels.relay.slot.RelaySlot._agent_state": WIRE,
    "store.access_requests.store._request": OWN_WORK,
    "core.kms.encryption.custody.wrapping_of": "reads only what is sealed under the server's key",
    "store.kms.rows.grant_of": OWN_WORK,
    "transport.dialler.Dialler.dial": ADDRESS,
    "transport.fetch._origin": ADDRESS,
    "transport.http.HttpClient.__init__": ADDRESS,
    "transport.proxies._checked": ADDRESS,
    "transport.proxies._names": ADDRESS,
    "transport.proxies.proxy_for": ADDRESS,
}


def _forget_what_was_read() -> None:
    """Empty the caches of functions that read, or they would not run again."""
    reading = _readers()
    for module in [each for name, each in sys.modules.items() if name.startswith("ferryman.")]:
        for function in vars(module).values():
            if isinstance(function, CACHED) and _name(function.__module__, function.__qualname__) in reading:
                function.cache_clear()


def _name(module: str, function: str) -> str:
    return f"{module.removeprefix('ferryman.')}.{function}"


@cache
def _readers() -> frozenset[str]:
    return frozenset(readers())


@cache
def _run_by_targets() -> set[str]:
    _forget_what_was_read()
    coverage, earlier = Coverage(), sys.gettrace()
    for target in TARGETS:
        for seed in target.seeds:
            sys.settrace(coverage.trace)
            try:
                target.run(seed)
            except target.errors:
                pass
            finally:
                sys.settrace(earlier)
    return {
        code.co_filename.rpartition("/ferryman/")[2].removesuffix(".py").replace("/", ".") + f".{code.co_qualname}"
        for code in coverage.functions
    }


def test_every_function_that_decodes_is_fuzzed_or_named_with_a_reason() -> None:
    forgotten = _readers() - _run_by_targets() - set(NOT_FUZZED)
    assert not forgotten, "give them a target in tests/fuzz/rooms, or a reason in NOT_FUZZED"


def test_reasons_are_given_for_functions_only_that_exist_and_are_not_fuzzed() -> None:
    assert set(NOT_FUZZED) <= _readers()
    assert not set(NOT_FUZZED) & _run_by_targets()
