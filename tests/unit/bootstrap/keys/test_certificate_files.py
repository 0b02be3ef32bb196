"""The local authority's files: renewed in place, and what `ferryman doctor --config` says of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from ferryman.bootstrap.configuration import LoadedConfiguration, load
from ferryman.bootstrap.keys.certificate_files import renew_certificate, write_certificates
from ferryman.cli.doctor.client import CheckResult, Finding
from ferryman.cli.doctor.server import examine_server_files
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.model.failures import Failure

NOW = datetime.now(UTC)


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedConfiguration:
    plan = ServerPlan(tmp_path, listen="0.0.0.0:7331", public_host="sessions.example.com", tls=True)
    return load(initialise(plan).configuration)


def certificate(loaded: LoadedConfiguration) -> x509.Certificate:
    return x509.load_pem_x509_certificate((loaded.directory / "tls" / "server.pem").read_bytes())


def findings(loaded: LoadedConfiguration, now: datetime = NOW) -> dict[str, Finding]:
    return {each.subject: each for each in examine_server_files(loaded.directory / "ferryman.toml", now)}


class TestRenewal:
    def test_the_certificate_alone_is_replaced(self, loaded: LoadedConfiguration) -> None:
        files = loaded.directory / "tls"
        (files / "server.pem").chmod(0o640)
        before = certificate(loaded)
        kept = {name: (files / name).read_bytes() for name in ("ca.pem", "ca.key", "server.key")}
        renew_certificate(loaded, NOW + timedelta(days=300))
        after = certificate(loaded)
        assert after.not_valid_after_utc > before.not_valid_after_utc
        assert after.public_key() == before.public_key()
        assert {name: (files / name).read_bytes() for name in kept} == kept
        assert (files / "server.pem").stat().st_mode & 0o777 == 0o640
        assert {path.name for path in files.iterdir()} == {*kept, "server.pem"}

    def test_where_the_certificate_is_a_link_the_link_stays(self, loaded: LoadedConfiguration) -> None:
        place = loaded.directory / "tls" / "server.pem"
        place.rename(loaded.directory / "elsewhere.pem")
        place.symlink_to(loaded.directory / "elsewhere.pem")
        before = certificate(loaded)
        renew_certificate(loaded, NOW)
        assert place.is_symlink()
        assert certificate(loaded) != before

    def test_a_key_open_to_others_is_not_used(self, loaded: LoadedConfiguration) -> None:
        (loaded.directory / "tls" / "ca.key").chmod(0o644)
        with pytest.raises(Failure, match="chmod 600"):
            renew_certificate(loaded, NOW)

    def test_a_key_that_is_kept_elsewhere(self, loaded: LoadedConfiguration) -> None:
        (loaded.directory / "tls" / "ca.key").unlink()
        with pytest.raises(Failure, match=r"ca\.key cannot be read"):
            renew_certificate(loaded, NOW)

    def test_a_certificate_of_somebody_else(self, loaded: LoadedConfiguration) -> None:
        before = certificate(loaded)
        write_certificates(loaded.directory / "other", "sessions.example.com")
        (loaded.directory / "other" / "ca.key").rename(loaded.directory / "tls" / "ca.key")
        with pytest.raises(Failure, match="does not belong"):
            renew_certificate(loaded, NOW)
        assert certificate(loaded) == before

    def test_without_an_authority(self, loaded: LoadedConfiguration) -> None:
        path = loaded.directory / "ferryman.toml"
        path.write_text("".join(line for line in path.read_text().splitlines(True) if "authority" not in line))
        with pytest.raises(Failure, match="whoever issued it"):
            renew_certificate(load(path), NOW)


class TestDoctor:
    def test_all_is_well(self, loaded: LoadedConfiguration) -> None:
        found = findings(loaded)
        assert {each.verdict for each in found.values()} == {CheckResult.GOOD}
        of_certificates = {"Certificate's lifetime", "Certificate's names", "Authority"}
        assert set(found) == {"Server's files", "Store", "Audit trail", *of_certificates}

    @pytest.mark.parametrize(("days", "verdict"), [(368, CheckResult.DOUBTFUL), (398, CheckResult.BAD)])
    def test_the_certificate_grows_old(self, loaded: LoadedConfiguration, days: int, verdict: CheckResult) -> None:
        found = findings(loaded, NOW + timedelta(days=days))["Certificate's lifetime"]
        assert found.verdict is verdict
        assert "ferryman certificate renew" in found.advice

    def test_the_authority_grows_old(self, loaded: LoadedConfiguration) -> None:
        found = findings(loaded, NOW + timedelta(days=3640))["Authority"]
        assert found.verdict is CheckResult.DOUBTFUL
        assert "ferryman certificate new" in found.advice

    @pytest.mark.parametrize(
        ("url", "verdict"),
        [
            ("https://sessions.example.com", CheckResult.GOOD),
            ("https://127.0.0.1:7331", CheckResult.GOOD),
            ("https://other.example.com", CheckResult.BAD),
            ("https://192.0.2.1", CheckResult.BAD),
        ],
    )
    def test_clients_must_be_sent_to_a_name_of_the_certificate(
        self, loaded: LoadedConfiguration, url: str, verdict: CheckResult
    ) -> None:
        path = loaded.directory / "ferryman.toml"
        path.write_text(path.read_text().replace("https://sessions.example.com:7331", url))
        found = findings(loaded)["Certificate's names"]
        assert found.verdict is verdict
        assert (url.split("/")[2].split(":")[0] in found.said) is True

    def test_the_authoritys_files(self, loaded: LoadedConfiguration) -> None:
        (loaded.directory / "tls" / "ca.key").chmod(0o644)
        assert findings(loaded)["Authority"].verdict is CheckResult.BAD
        (loaded.directory / "tls" / "ca.key").chmod(0o600)
        (loaded.directory / "tls" / "ca.pem").write_text("")
        assert findings(loaded)["Authority"].verdict is CheckResult.BAD
