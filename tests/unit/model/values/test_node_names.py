"""What can be the name of a node."""

import pytest

from ferryman.model.values.node_names import NODE_NAME_LENGTH, is_node_name


@pytest.mark.parametrize("name", ["web-1", "WEB_1.example.org", "7", "mi-web", "a" * NODE_NAME_LENGTH])
def test_what_people_type_as_one_word_can_be_a_name(name: str) -> None:
    assert is_node_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "a" * (NODE_NAME_LENGTH + 1), "web 1", "web:1", "tag:a=b", "a/b", "-web", ".web", "wéb", "web\n"),
        *("mi-0123456789abcdef0", "i-01234567"),
    ],
)
def test_ids_tags_paths_and_options_cannot(name: str) -> None:
    assert not is_node_name(name)
