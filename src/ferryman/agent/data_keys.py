"""Decrypts the data keys of encrypted sessions by calling KMS (`protocol/agent.md` §4.10).

Only a worker whose session is encrypted imports this.
"""

import asyncio
import base64
import binascii
import configparser
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from ferryman.agent.identity.credentials import CredentialSource, is_credential_fault
from ferryman.agent.identity.server_trust import server_trust
from ferryman.agent.settings import KmsSettings
from ferryman.agent.versions import USER_AGENT
from ferryman.channel.ciphers import DATA_KEY_SIZE
from ferryman.channel.key_agreement import DataKeySealed, encryption_context
from ferryman.model.errors import ServiceError
from ferryman.model.failures import said_by
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.sigv4 import sign
from ferryman.system.core_dumps import forbid_core_dumps
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import HttpClient, Sign

SERVICE = "kms"
DECRYPT = "TrentService.Decrypt"
CALL_SECONDS = 12.0
"""Limit of all attempts together, while the client waits for the handshake."""
ATTEMPTS = 3
RETRY_SECONDS = 0.5


class DataKeyFailed(Exception):
    """KMS did not decrypt the data key; the text is the reason, in one line."""


class DataKeys:
    """Decrypts the data keys of one session: at the server by default, at another KMS if the settings name one."""

    def __init__(self, session_id: str, server: HttpClient, source: CredentialSource, settings: KmsSettings) -> None:
        self._session_id = session_id
        self._server = server
        self._source = source
        self._settings = settings

    async def decrypt(self, sealed: DataKeySealed) -> bytes:
        """Return the 64 bytes of a data key. Raises `DataKeyFailed`, after 12 s at most."""
        forbid_core_dumps()
        node_id = self._source.registration.node_id
        members: dict[str, object] = {
            "CiphertextBlob": base64.b64encode(sealed.ciphertext).decode(),
            "KeyId": sealed.kms_key_id,
            "EncryptionContext": encryption_context(self._session_id, node_id, sealed.challenge),
        }
        try:
            async with asyncio.timeout(CALL_SECONDS), self._client() as client:
                key = await self._decrypt(client, members, sealed.kms_key_id)
        except TimeoutError:
            raise DataKeyFailed(f"Fetching data key failed: KMS did not answer within {CALL_SECONDS:.0f} s") from None
        except (ServiceError, Unreachable, OSError, ValueError) as error:
            raise DataKeyFailed(f"Fetching data key failed: Unable to retrieve data key, {_cause(error)}") from error
        if len(key) != DATA_KEY_SIZE:
            raise DataKeyFailed(f"Fetching data key failed: it has {len(key)} bytes, not {DATA_KEY_SIZE}")
        return key

    async def _decrypt(self, client: HttpClient, members: dict[str, object], kms_key_id: str) -> bytes:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = await client.call(DECRYPT, members, await self._sign(kms_key_id))
                return base64.b64decode(str(answer.get("Plaintext", "")), validate=True)
            except binascii.Error as error:
                raise Unreachable("the answer to Decrypt cannot be read") from error
            except (ServiceError, Unreachable) as error:
                if attempt == ATTEMPTS or not await self._may_retry(error):
                    raise
            await asyncio.sleep(RETRY_SECONDS * attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _may_retry(self, error: ServiceError | Unreachable) -> bool:
        if isinstance(error, Unreachable):
            return True
        if is_credential_fault(error) and self._settings.credentials_file is None:
            await self._source.renew()
            return True
        return error.status >= 500 or error.code == "ThrottlingException"

    async def _sign(self, kms_key_id: str) -> Sign:
        region = self._settings.region or _region_of(kms_key_id)
        if self._settings.credentials_file is None:
            return await self._source.signer(SERVICE, region)
        credentials = await asyncio.to_thread(
            read_credentials, Path(self._settings.credentials_file), self._settings.profile
        )
        region = region or self._source.registration.region

        def sign_call(request: SignableRequest) -> dict[str, str]:
            return sign(request, credentials, region, SERVICE, datetime.now(UTC))

        return sign_call

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[HttpClient]:
        endpoint = self._settings.endpoint
        if endpoint is None:
            yield self._server
            return
        trusted = server_trust(endpoint, self._settings.ca_file)
        async with HttpClient(endpoint, user_agent=USER_AGENT, trusted=trusted) as client:
            yield client


def read_credentials(path: Path, profile: str) -> Credentials:
    """Return the credentials in a section of an AWS credentials file; raises OSError, and ValueError naming what is
    missing."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text())
        section = parser[profile]
        token = section.get("aws_session_token")
        return Credentials(
            section["aws_access_key_id"],
            Secret(section["aws_secret_access_key"]),
            None if token is None else Secret(token),
        )
    except KeyError as error:
        raise ValueError(f"{path} lacks {error.args[0]} for the profile {profile}") from None
    except configparser.Error:
        raise ValueError(f"{path} is not a credentials file") from None


def _region_of(kms_key_id: str) -> str | None:
    """Return the region in a key's ARN, None for an id or alias."""
    parts = kms_key_id.split(":")
    return parts[3] or None if len(parts) > 4 and parts[0] == "arn" else None


def _cause(error: Exception) -> str:
    if isinstance(error, ServiceError):
        return f"{error.code}: {error.message}".rstrip(".")
    return said_by(error)
