from ferryman.model.failures import Failure


def test_a_failure_is_one_line() -> None:
    assert Failure("It failed", "the cause\nhas two lines", "Do this").line == (
        "It failed: the cause has two lines. Do this."
    )
    assert Failure("It failed").line == "It failed."
    assert Failure("It failed", next_step="Do this").line == "It failed. Do this."
