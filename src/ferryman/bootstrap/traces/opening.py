"""Opens the traces that the configuration asks for, and checks that a collector accepts them."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.model.failures import Failure
from ferryman.model.values.versions import PRODUCT_VERSION

if TYPE_CHECKING:
    from ferryman.tracing.export import TracesOptions

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]+)")
_FILE = "The file of traces.headers_file"


@contextmanager
def open_tracing(loaded: LoadedConfiguration) -> Iterator[Tracing]:
    """Yield the tracing of calls, and export the waiting spans at the end, for two seconds at most.

    Nothing is imported unless traces are on. Raises Failure if OpenTelemetry is not installed, or a file of `[traces]`
    cannot be read. The collector need not be there.
    """
    if loaded.configuration.traces.url is None:
        yield NO_TRACING
        return
    options = _options(loaded)
    from ferryman.tracing.export import Traces

    traces = Traces(options)
    try:
        yield traces.tracing
    finally:
        traces.close()


def check_tracing(loaded: LoadedConfiguration) -> str:
    """Return where traces go; raises Failure if the collector does not accept them. Sends it an empty request."""
    options = _options(loaded)
    from ferryman.tracing.export import probe

    reason = probe(options)
    if reason is not None:
        raise Failure(
            f"The collector {options.url} cannot be used",
            reason,
            "Start it, or correct [traces]; the server runs without it",
        )
    return f"the collector {options.url} accepts traces"


def _options(loaded: LoadedConfiguration) -> "TracesOptions":
    traces = loaded.configuration.traces
    try:
        from ferryman.tracing.export import TracesOptions
    except ModuleNotFoundError as error:
        raise Failure(
            "Traces cannot be sent", f"{error.name} is not installed", "Install ferryman[traces], or remove [traces]"
        ) from error
    ca_file = None if traces.ca_file is None else loaded.path(traces.ca_file)
    if ca_file is not None and not ca_file.is_file():
        raise Failure("traces.ca_file cannot be used", f"{ca_file} is not a file", "Correct traces.ca_file")
    return TracesOptions(
        url=traces.url or "",
        headers=_headers(loaded),
        ca_file=None if ca_file is None else str(ca_file),
        sample_ratio=traces.sample_ratio,
        trusts_callers=traces.trust_traceparent,
        server_name=loaded.server_name,
        version=PRODUCT_VERSION,
    )


def _headers(loaded: LoadedConfiguration) -> Mapping[str, str]:
    """Return the headers of a file with a line `Name: value` for each."""
    file = loaded.configuration.traces.headers_file
    if file is None:
        return {}
    content = read_secret(loaded.path(file), _FILE, "Correct traces.headers_file").decode(errors="replace")
    headers = {}
    for line in filter(str.strip, content.splitlines()):
        found = _HEADER.fullmatch(line.strip())
        if found is None:
            raise Failure(f"{_FILE} cannot be used", "a line is not NAME: VALUE", "Write a header on each line")
        headers[found[1]] = found[2].strip()
    return headers
