import resource
from collections.abc import Iterator

import pytest

from ferryman.system.core_dumps import forbid_core_dumps


@pytest.fixture(autouse=True)
def _core_dumps() -> Iterator[None]:
    """Core dumps as large as the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_this_process_leaves_no_core_dump_and_others_may() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("no process may leave core dumps here")
    forbid_core_dumps()
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, hard)
