"""The stock `aws kms` against the server."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from ferryman.cli.operate.init import ServerPlan, initialise
from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS, FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs


def test_the_aws_command_manages_a_key_and_uses_it(ferryman: Ferryman, tmp_path: Path) -> None:
    def kms(*arguments: str) -> Any:
        return json.loads(ferryman.aws("kms", *arguments, "--output", "json").stdout or "{}")

    def refused(*arguments: str) -> str:
        done = ferryman.aws("kms", *arguments, check=False)
        assert done.returncode != 0
        return done.stderr

    key = kms("create-key", "--description", "e2e", "--tags", "TagKey=team,TagValue=ops")["KeyMetadata"]["KeyId"]
    for name in ("alias/e2e", "alias/e2e-other"):
        kms("create-alias", "--alias-name", name, "--target-key-id", key)
    listed = kms("list-aliases", "--key-id", key, "--page-size", "1")["Aliases"]
    assert [each["AliasName"] for each in listed] == ["alias/e2e", "alias/e2e-other"]
    secret, sealed = tmp_path / "secret", tmp_path / "sealed"
    secret.write_bytes(b"\x00secret\xff")
    context = ("--encryption-context", "purpose=e2e")
    made = kms("encrypt", "--key-id", "alias/e2e", "--plaintext", f"fileb://{secret}", *context)
    sealed.write_bytes(base64.b64decode(made["CiphertextBlob"]))
    blob = ("--ciphertext-blob", f"fileb://{sealed}")
    kms("rotate-key-on-demand", "--key-id", key)
    assert base64.b64decode(kms("decrypt", *blob, *context)["Plaintext"]) == secret.read_bytes()
    assert "InvalidCiphertextException" in refused("decrypt", *blob)
    policy = json.loads(kms("get-key-policy", "--key-id", key)["Policy"])
    policy["Statement"].append(
        {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Sid": "Nobody decrypts"}
    )
    kms("put-key-policy", "--key-id", key, "--policy", json.dumps(policy))
    assert "with an explicit deny in a resource-based policy" in refused("decrypt", *blob, *context)
    kms("disable-key", "--key-id", "alias/e2e")
    assert "DisabledException" in refused("encrypt", "--key-id", key, "--plaintext", f"fileb://{secret}")
    deleted = kms("schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
    assert deleted["KeyState"] == "PendingDeletion"


def test_the_servers_own_key_can_come_from_a_kms(ferryman: Ferryman, tmp_path: Path) -> None:
    """As `docs/how-to/record-sessions.md` says."""
    made = initialise(ServerPlan(tmp_path / "server"))
    key_file, sealed = tmp_path / "server" / "server.key", tmp_path / "keys.kms"
    key = json.loads(ferryman.aws("kms", "create-key", "--output", "json").stdout)["KeyMetadata"]["KeyId"]
    asked = ("--key-id", key, "--plaintext", f"fileb://{key_file}", "--output", "json")
    sealed.write_bytes(base64.b64decode(json.loads(ferryman.aws("kms", "encrypt", *asked).stdout)["CiphertextBlob"]))
    key_file.unlink()
    decrypt = f"{AWS} kms decrypt --ciphertext-blob fileb://{sealed} --query Plaintext --output text | base64 -d"
    command = json.dumps(["bash", "-o", "pipefail", "-c", decrypt])
    text = made.configuration.read_text().replace('key_file = "server.key"', f"key_command = {command}")
    made.configuration.write_text(text)

    def listed() -> subprocess.CompletedProcess[str]:
        command = [FERRYMAN, "key", "list", "--config", str(made.configuration)]
        return warm_programs.run(*command, environment=ferryman.environment)

    assert "seals" in listed().stdout
    ferryman.aws("kms", "disable-key", "--key-id", key)
    refused = listed()
    assert refused.returncode != 0
    assert "server.key_command failed" in refused.stderr
