import sys

import pytest

from ferryman.system.called_code import called_code_together


def test_only_the_code_of_called_functions_is_copied_and_they_work_as_before() -> None:
    def called(number: int) -> int:
        return number + 1

    def not_called(number: int) -> int:
        return number - 1

    codes = called.__code__, not_called.__code__
    with called_code_together():
        called(1)
    assert called.__code__ is not codes[0]
    assert called.__code__ == codes[0]
    assert not_called.__code__ is codes[1]
    assert called(1) == 2


def test_a_failure_inside_leaves_no_profile_function_behind() -> None:
    before = sys.getprofile()
    with pytest.raises(ZeroDivisionError), called_code_together():
        1 / 0  # noqa: B018
    assert sys.getprofile() is before
