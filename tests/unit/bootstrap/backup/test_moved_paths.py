import tomllib

import pytest

from ferryman.bootstrap.backup.moved_paths import with_settings
from ferryman.model.failures import Failure

TEXT = """\
# ours
[server]
listen = "127.0.0.1:1"  # the one port
database = "sqlite:////var/lib/ferryman/ferryman.db"
  key_file='/etc/ferryman/server.key'
[server.tls] # its own
key = "/k"
[audit]
directory = "/var/log/ferryman/audit"
"""


def test_settings_change_and_everything_else_stays() -> None:
    changed = with_settings(TEXT.encode(), {"server.key_file": "server.key", "server.tls.key": "files/k"}).decode()
    expected = TEXT.replace("'/etc/ferryman/server.key'", '"server.key"').replace('"/k"', '"files/k"')
    assert changed == expected


def test_nothing_to_change() -> None:
    assert with_settings(TEXT.encode(), {}).decode() == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "server = {key_file = '/k'}",
        '[server]\nkey_file = """\n/k"""',
        "[server]\nlisten = '''\nkey_file = 1\n'''\n'key_file' = '/k'",
    ],
)
def test_what_cannot_be_changed_for_certain_is_refused(text: str) -> None:
    assert "key_file" in tomllib.loads(text)["server"]
    with pytest.raises(Failure, match="one setting per line"):
        with_settings(text.encode(), {"server.key_file": "server.key"})
