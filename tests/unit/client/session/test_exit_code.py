import pytest

from ferryman.client.session.exit_code import exit_code


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"EXIT_CODE: 0", 0),
        (b"EXIT_CODE: 137", 137),
        (b"\nEXIT_CODE:7\n", 7),
        (b"EXIT_CODE: -1", 1),
        (b"EXIT_CODE: 256", 1),
        (b"EXIT_CODE: 99999999999999999999", 1),
        (b"EXIT_CODE: zero", 1),
        (b"", 1),
    ],
)
def test_the_text_is_read(payload: bytes, status: int) -> None:
    assert exit_code(payload) == status
