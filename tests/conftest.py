"""System programs that tests run: where one is missing the test is skipped, except in CI, which must have them all."""

import os
import shutil
from collections.abc import Callable
from typing import NoReturn

import pytest

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Give a test up for `reason`: a skip for people, a failure in CI (`CI=true`)."""

    def give_up(reason: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; in CI no test is skipped for that: see .ci/programs", pytrace=False)
        pytest.skip(reason)

    return give_up


@pytest.fixture(scope="session")
def program(unavailable: Callable[[str], NoReturn]) -> Callable[[str], str]:
    """Find a system program's path by its name."""

    def find(name: str) -> str:
        return shutil.which(name, path=PATH) or unavailable(f"{name} is not installed")

    return find
