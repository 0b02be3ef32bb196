"""What a configuration tells anyone at `/.well-known/ferryman`."""

from pathlib import Path

import pytest

from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.discovery import describe_server
from ferryman.bootstrap.keys.certificate_files import write_certificates
from ferryman.model.failures import Failure
from ferryman.transport.trust import certificate_fingerprint, one_certificate, parse_fingerprint, spaced
from ferryman.wire.discovery import decode_description

TLS = """
[server.tls]
certificate = "tls/server.pem"
key = "tls/server.key"
authority = "tls/ca.pem"
authority_key = "tls/ca.key"
"""
LOGIN = """
[login]
issuer = "https://id.example.com/realm"
client_id = "ferryman-cli"
roles = ["People", "team/Operators"]
session_claim = "email"
"""


def loaded(directory: Path, text: str) -> LoadedConfiguration:
    path = directory / "ferryman.toml"
    path.write_text(
        '[server]\naccount_id = "123456789012"\nregion = "us-east-1"\npublic_url = "https://sessions.example.com"\n'
        + text
    )
    return load(path)


def test_a_server_without_login_names_region_and_account_only(tmp_path: Path) -> None:
    described = decode_description(describe_server(loaded(tmp_path, "")))
    assert (described.region, described.account_id) == ("us-east-1", "123456789012")
    assert (described.login, described.ca_certificate, described.ca_sha256) == (None, "", "")


def test_roles_are_named_by_arn_and_the_authority_by_its_certificate(tmp_path: Path) -> None:
    write_certificates(tmp_path / "tls", "sessions.example.com")
    document = describe_server(loaded(tmp_path, TLS + LOGIN))
    described = decode_description(document)
    assert described.login is not None
    assert described.login.roles == (
        "arn:aws:iam::123456789012:role/People",
        "arn:aws:iam::123456789012:role/team/Operators",
    )
    assert described.ca_certificate == (tmp_path / "tls" / "ca.pem").read_text()
    assert described.ca_sha256 == certificate_fingerprint(described.ca_certificate)
    assert b"PRIVATE" not in document


def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"tls/ca\.pem.*No such file"):
        describe_server(loaded(tmp_path, TLS))
    (tmp_path / "two.pem").write_text("")
    with pytest.raises(Failure, match="0 certificates"):
        describe_server(loaded(tmp_path, '[login]\nca_file = "two.pem"\n'))


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ('issuer = "https://id.example.com"', "incomplete"),
        ('roles = ["People"]', "incomplete"),
        ('issuer = "http://id.example.com"\nclient_id = "c"', "HTTPS"),
        ('roles = ["a b"]', "login.roles"),
        ('session_claim = "a\\nb"', "login.session_claim"),
    ],
)
def test_a_login_that_cannot_work_is_refused(tmp_path: Path, login: str, said: str) -> None:
    with pytest.raises(Failure, match=said):
        loaded(tmp_path, f"[login]\n{login}\n")


def test_fingerprints_are_compared_in_any_spelling() -> None:
    bare = "ab" * 32
    for written in (bare, spaced(bare), f"SHA256:{bare.upper()}", f"sha256={spaced(bare)}\n"):
        assert parse_fingerprint(written) == bare
    for wrong in ("", bare[:-1], bare + "0", "g" * 64, f"md5:{bare}"):
        with pytest.raises(ValueError, match="64"):
            parse_fingerprint(wrong)


def test_what_stands_around_a_certificate_is_dropped(tmp_path: Path) -> None:
    write_certificates(tmp_path / "tls", "host")
    pem = (tmp_path / "tls" / "ca.pem").read_text()
    assert one_certificate(f"a comment\n{pem}\nmore") == pem
    with pytest.raises(ValueError, match="2 certificates"):
        one_certificate(pem + pem)
