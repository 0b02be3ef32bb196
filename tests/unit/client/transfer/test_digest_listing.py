import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.client.transfer import digest_listing
from ferryman.client.transfer.digest_listing import DigestListing, path_in_folder
from ferryman.model.failures import Failure
from tests.stall_guard import scale

A, B, C = "a" * 64, "b" * 64, "c" * 64


def listed(text: str | bytes, wanted: set[str] | None = None, piece: int = 7) -> dict[str, str]:
    data = text.encode() if isinstance(text, str) else text
    listing = DigestListing(wanted)
    for start in range(0, len(data), piece):
        listing.feed(data[start : start + piece])
    return listing.end()


def test_names_are_read_as_sha256sum_writes_them() -> None:
    assert listed(f"{A}  ./a b\n\\{B}  ./back\\\\slash\\nline\n{C}  ./d/e\n") == {
        "a b": A,
        "back\\slash\nline": B,
        "d/e": C,
    }
    assert listed("") == {}
    assert listed(f"{A}  ./".encode() + b"\xff\n") == {"\udcff": A}


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        ".//etc/passwd",
        "././/etc/passwd",
        "./././a",
        "./../x",
        "./a/../../x",
        "./a//x",
        "./a/",
        "./",
        ".",
        "./.",
        "./..",
        "a",
        "\\",
        "./a\0b",
    ],
)
def test_a_file_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(Failure, match="outside"):
        listed(f"{A}  {name}\n")


@pytest.mark.parametrize("name", [r"\n./a", r"./..\/x", r"./a/\\/../../x", r".\/\/etc"])
def test_an_escaped_name_is_judged_as_it_will_be_used(name: str) -> None:
    with pytest.raises(Failure, match="outside"):
        listed(f"\\{A}  {name}\n")


@given(st.lists(st.sampled_from(["", ".", "..", "a", "\0", "a\\", "-", "/", "~", "\n"])).map("/".join))
def test_accepted_names_stay_below_the_folder(name: str) -> None:
    """The path is used as it was judged: every part of it is a name."""
    try:
        path = path_in_folder(name)
    except Failure:
        return
    assert name == f"./{path}"
    assert not path.startswith("/")
    assert not {"", ".", ".."} & set(path.split("/"))


@pytest.mark.parametrize("line", ["x", "a" * 63 + "  ./x", f"{A} ./x", f"{A}  ", A.upper() + "  ./x"])
def test_a_line_without_digest_or_name_is_refused(line: str) -> None:
    with pytest.raises(Failure, match="has the line"):
        listed(line + "\n")


def test_a_listing_that_breaks_off_is_refused() -> None:
    with pytest.raises(Failure, match="is incomplete"):
        listed(f"{A}  ./x\n{A}  ./y")


def test_a_file_below_another_file_is_refused() -> None:
    with pytest.raises(Failure, match="below another file"):
        listed(f"{A}  ./a\n{A}  ./a/b/c\n")


def test_it_is_found_among_names_that_sort_between() -> None:
    with pytest.raises(Failure, match="below another file: 'a/b'"):
        listed("".join(f"{A}  ./{name}\n" for name in ("a", "a b", "a!", "a.b", "a/b", "b")))
    assert len(listed("".join(f"{A}  ./{name}\n" for name in ("a b", "a!", "a.b", "a/b", "a/c", "ab")))) == 6


def test_deep_folders_cost_little() -> None:
    """Looking at each folder on the way to each file would take ten seconds."""
    listing = "".join(f"{A}  ./{number}/{'a/' * 8000}f\n" for number in range(400))
    began = time.process_time()
    assert len(listed(listing, piece=1 << 20)) == 400
    assert time.process_time() - began < 3 * scale()


def test_unfinished_copies_are_left_out() -> None:
    assert listed(f"{A}  ./.ferryman-part-0123456789abcdef/x\n{A}  ./d/.ferryman-part-x/y\n{A}  ./y\n") == {"y": A}


def test_numbers_and_lengths_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_listing, "MOST_FILES", 3)
    lines = [f"{A}  ./{number}\n" for number in range(4)]
    assert len(listed("".join(lines[:3]))) == 3
    with pytest.raises(Failure, match="more than 3 files"):
        listed("".join(lines))
    with pytest.raises(Failure, match="longer than"):
        listed("x" * 20_000, piece=1000)
    monkeypatch.setattr(digest_listing, "MOST_BYTES", 50)
    with pytest.raises(Failure, match="exceeds"):
        listed("".join(lines))


def test_only_what_is_wanted_is_kept() -> None:
    """A folder that is copied to may hold any number of other files, of any name."""
    text = "".join(f"{A}  ./{number}\n" for number in range(1000)) + f"{B}  ./d/x\n{C}  /../../y\n"
    assert listed(text, {"d/x", "7", "absent"}, piece=4096) == {"7": A, "d/x": B}
