"""A secret does not show itself."""

import traceback

from ferryman.model.values.secret import Secret


def test_no_text_of_it_shows() -> None:
    secret = Secret("hunter2")
    for text in (repr(secret), str(secret), f"{secret}", repr({"k": secret}), "%s" % secret):  # noqa: UP031 - logs do
        assert "hunter2" not in text
    try:
        raise ValueError(secret)
    except ValueError:
        assert "hunter2" not in traceback.format_exc()


def test_it_is_revealed_and_compared_by_value() -> None:
    assert Secret("a").reveal() == "a"
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
