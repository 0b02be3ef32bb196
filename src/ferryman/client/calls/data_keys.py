"""Generates the data keys of encrypted sessions by calling KMS (`protocol/client.md` §9), with the person's own
credentials.

KMS is found like in any SDK: AWS_ENDPOINT_URL_KMS, the profile's services section, AWS_ENDPOINT_URL, or the
profile's endpoint_url. If none of them is set, it is the session's own server, not AWS.
"""

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ferryman.channel.ciphers import DATA_KEY_SIZE
from ferryman.channel.key_agreement import DataKeyRequested, encryption_context
from ferryman.client.calls.api_proxies import through_proxies
from ferryman.client.calls.daemon_threads import in_daemon_thread
from ferryman.client.calls.launch import Launch
from ferryman.model.failures import said_by
from ferryman.system.core_dumps import forbid_core_dumps
from ferryman.transport.errors import Unreachable

if TYPE_CHECKING:
    from botocore.session import Session

PROFILE_VARIABLE = "FERRYMAN_KMS_PROFILE"
"""Names another profile for KMS, for one that does not know this server's credentials."""
KEYS_VARIABLE = "FERRYMAN_KMS_KEYS"
"""Names keys, with commas between: sessions that are not encrypted with one of them are refused."""
CONNECT_SECONDS = 3
ANSWER_SECONDS = 5
ATTEMPTS = 2
CALL_SECONDS = 12.0
"""AWS's agent waits 15 s for the handshake's answer."""


class DataKeyFailed(Exception):
    """KMS generated no data key; the text is the reason, in one line."""


@dataclass(frozen=True, slots=True, repr=False)
class DataKey:
    """A key of 64 bytes, and its ciphertext, which only KMS can decrypt."""

    plaintext: bytes
    ciphertext: bytes


def key_objection(kms_key_id: str) -> str:
    """Return why a session encrypted with this key must not run, "" if it may. The key is "" for an unencrypted
    session."""
    accepted = [key.strip() for key in os.environ.get(KEYS_VARIABLE, "").split(",") if key.strip()]
    if not accepted or kms_key_id in accepted:
        return ""
    if not kms_key_id:
        return f"the session is not encrypted, and {KEYS_VARIABLE} requires that"
    return f"the session is to be encrypted with {kms_key_id}, which {KEYS_VARIABLE} does not name"


async def generate_data_key(launch: Launch, request: DataKeyRequested) -> DataKey:
    """Return a data key for the session, bound to its id and target. Raises `DataKeyFailed`, after 12 s at most."""
    if objection := key_objection(request.kms_key_id):
        raise DataKeyFailed(objection)
    forbid_core_dumps()
    if not launch.target:
        raise DataKeyFailed("the launcher names no target, which the key must be bound to; use a newer AWS CLI")
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await in_daemon_thread(lambda: _generate(launch, request))
    except TimeoutError:
        raise DataKeyFailed(f"KMS did not answer within {CALL_SECONDS:.0f} s") from None


def _generate(launch: Launch, request: DataKeyRequested) -> DataKey:
    from botocore import exceptions

    context = encryption_context(launch.session_id, launch.target, request.challenge)
    try:
        client = _client(launch, request.kms_key_id)
        answer = client.generate_data_key(
            KeyId=request.kms_key_id, NumberOfBytes=DATA_KEY_SIZE, EncryptionContext=context
        )
        return DataKey(bytes(answer["Plaintext"]), bytes(answer["CiphertextBlob"]))
    except exceptions.ClientError as error:
        detail = error.response.get("Error", {})
        cause = f"{detail.get('Code', '')}, {detail.get('Message', '')}".rstrip(".")
        raise DataKeyFailed(f"GenerateDataKey was refused: {cause}") from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError, Unreachable) as error:
        raise DataKeyFailed(f"KMS cannot be reached: {said_by(error)}") from error
    except (exceptions.BotoCoreError, ValueError) as error:
        raise DataKeyFailed(f"KMS cannot be called: {said_by(error)}") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise DataKeyFailed("the answer to GenerateDataKey cannot be read") from error


def _client(launch: Launch, kms_key_id: str) -> Any:
    from botocore.config import Config
    from botocore.session import Session

    own_profile = os.environ.get(PROFILE_VARIABLE, "")
    session = Session(profile=own_profile or launch.profile or None)
    endpoint = None
    if not own_profile and launch.endpoint and not _is_configured(session):
        endpoint = launch.endpoint
    region = _region_of(kms_key_id) or (None if own_profile else launch.region or None)
    return through_proxies(
        lambda proxies: session.create_client(
            "kms",
            region_name=region,
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                proxies=proxies,
            ),
        )
    )


def _is_configured(session: "Session") -> bool:
    """Whether the environment or the profile has an endpoint for KMS."""
    from botocore.configprovider import ConfiguredEndpointProvider

    provider = ConfiguredEndpointProvider(
        full_config=session.full_config, scoped_config=session.get_scoped_config(), client_name="kms"
    )
    return provider.provide() is not None


def _region_of(kms_key_id: str) -> str:
    """Return the region in a key's ARN, "" for an id or alias."""
    parts = kms_key_id.split(":")
    return parts[3] if len(parts) > 4 and parts[0] == "arn" else ""
