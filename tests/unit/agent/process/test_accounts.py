"""Who a session runs as."""

import os
import pwd

import pytest

from ferryman.agent.process.accounts import (
    FALLBACK_SHELL,
    Account,
    AccountRefused,
    environment,
    named_account,
    own_account,
    require_switchable,
    session_account,
)

OWN_NAME = pwd.getpwuid(os.geteuid()).pw_name


def test_the_agents_own_account_is_the_default() -> None:
    assert session_account({}, None, None) == own_account()
    assert session_account({"runAsEnabled": False, "runAsDefaultUser": "nobody"}, "nobody", None) == own_account()


def test_the_configured_account_where_the_document_names_none() -> None:
    assert session_account({"runAsEnabled": "false"}, None, OWN_NAME).name == OWN_NAME


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch accounts")
@pytest.mark.parametrize("enabled", [True, "true", "True"])
def test_run_as_the_tasks_user_before_the_documents(enabled: object) -> None:
    inputs = {"runAsEnabled": enabled, "runAsDefaultUser": "daemon"}
    assert session_account(inputs, "nobody", OWN_NAME).name == "nobody"
    assert session_account(inputs, None, OWN_NAME).name == "daemon"


@pytest.mark.parametrize(
    ("inputs", "user", "text"),
    [
        ({"runAsEnabled": True}, None, "please set the RunAs default user"),
        ({"runAsEnabled": True, "runAsDefaultUser": ""}, "", "please set the RunAs default user"),
        ({"runAsEnabled": True, "runAsDefaultUser": "no-such-user"}, None, "no-such-user does not exist"),
        ({"runAsEnabled": True, "runAsDefaultUser": "nobody"}, "root", "invalid uid and gid"),
    ],
)
def test_run_as_that_cannot_be(inputs: dict[str, object], user: str | None, text: str) -> None:
    with pytest.raises(AccountRefused, match=text):
        session_account(inputs, user, None)


def test_only_root_can_switch_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    require_switchable(Account("me", 1234, 1, "/", "/bin/sh"))
    with pytest.raises(AccountRefused, match="not root"):
        require_switchable(Account("other", 1235, 1, "/", "/bin/sh"))


def test_an_account_without_a_passwd_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    account = own_account()
    assert (account.name, account.uid, account.shell) == ("4000000", 4_000_000, FALLBACK_SHELL)


def test_a_shell_that_refuses_logins_is_replaced() -> None:
    assert pwd.getpwnam("nobody").pw_shell.endswith("nologin")
    assert named_account("nobody").shell == FALLBACK_SHELL


def test_the_environment_takes_nothing_but_language_and_time_zone() -> None:
    account = Account("alice", 1000, 1000, "/home/alice", "/bin/zsh")
    inherited = {"LC_ALL": "de_DE.UTF-8", "TZ": "UTC", "SECRET": "x", "PATH": "/x", "HOME": "/root", "LD_PRELOAD": "/x"}
    assert environment(account, inherited) == {
        "HOME": "/home/alice",
        "LANG": "C.UTF-8",
        "LC_ALL": "de_DE.UTF-8",
        "LOGNAME": "alice",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
        "SHELL": "/bin/zsh",
        "TERM": "xterm-256color",
        "TZ": "UTC",
        "USER": "alice",
    }
    assert "/sbin" in environment(Account("root", 0, 0, "/root", "/bin/sh"), {})["PATH"]
