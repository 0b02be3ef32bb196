import pytest

from ferryman.model.failures import Failure
from ferryman.plugin.folder_transfer import parse_digests


def test_names_are_read_as_sha256sum_writes_them() -> None:
    listed = "aa  ./a b\n\\bb  ./back\\\\slash\\nline\ncc  ./d/e\n"
    assert parse_digests(listed) == {"a b": "aa", "back\\slash\nline": "bb", "d/e": "cc"}
    assert parse_digests("") == {}


@pytest.mark.parametrize("name", ["/etc/passwd", "./../x", "./a/../../x", "a", "\\"])
def test_a_file_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(Failure, match="outside"):
        parse_digests(f"aa  {name}\n")
