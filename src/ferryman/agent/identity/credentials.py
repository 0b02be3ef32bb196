"""The node's temporary credentials: requested with the RSA key, shared through the state directory.

The agent renews them at half of their lifetime. A session worker reads what the agent stored, and requests its own only
if those are past half their lifetime, so starting a session costs no call.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ferryman.agent.identity.state import Registration, RoleCredentials, StateDirectory, node_id
from ferryman.agent.logs import logger
from ferryman.model.errors import ServiceError
from ferryman.model.values.timestamps import parse_iso
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.sigv4 import sign
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import HttpClient, Sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ROLE_TOKEN_TARGET = "AmazonSSM.RequestManagedInstanceRoleToken"  # noqa: S105 - the operation's name
UPDATE_KEY_TARGET = "AmazonSSM.UpdateManagedInstancePublicKey"
NOT_THIS_MACHINE = "00000000-0000-4000-8000-000000000000"
"""The fingerprint that a copy of a registered machine sends: no server knows it."""
_LOG = logger("credentials")


class CredentialSource:
    """Hands out signers with current credentials. `clock` is seconds since the epoch."""

    def __init__(self, state: StateDirectory, client: HttpClient, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._client = client
        self._clock = clock
        self._registration = state.registration()
        self._current: RoleCredentials | None = None
        self._asking = asyncio.Lock()
        self.key_is_old = False
        """The server asked for a new key with the latest credentials, and `update_key` has not been called since."""

    @property
    def registration(self) -> Registration:
        """Who this node is."""
        return self._registration

    async def current(self) -> RoleCredentials:
        """Return credentials before half their lifetime: cached, stored by another process, or newly requested.

        When the server cannot be asked but the old ones still hold, returns those. Raises `Unreachable` and
        `ServiceError`.
        """
        async with self._asking:
            for known in (self._current, self._left_by_another_process()):
                if known is not None and self._clock() < known.refresh_at:
                    self._current = known
                    return known
            try:
                self._current = await self._request()
            except Unreachable:
                if self._current is None or self._clock() >= self._current.expires_at:
                    raise
            return self._current

    def seconds_until(self, moment: float) -> float:
        """Return the seconds until `moment` by this source's clock, 0 if it has passed."""
        return max(0.0, moment - self._clock())

    async def renew(self) -> RoleCredentials:
        """Request new credentials whatever the age of the old: refused, or past half their lifetime."""
        async with self._asking:
            self._current = await self._request()
            return self._current

    async def update_key(self) -> None:
        """Replace the node's key pair (`protocol/agent.md` §1.12): UpdateManagedInstancePublicKey, signed with the old.

        The new key is on disk before the server learns of it. If the answer is lost, the next request for
        credentials finds out which of the two the server knows. Raises `Unreachable`, `ServiceError`, and
        `StateUnusable` when the new key cannot be kept; the server is not asked then.
        """
        from ferryman.agent.identity.node_key import new_key
        from ferryman.signing.rsa import encode_public_key

        async with self._asking:
            self.key_is_old = False
            key = self._state.next_key()
            if key is None:
                key = await asyncio.to_thread(new_key)
                self._state.save_next_key(key)
            members = {"NewPublicKey": encode_public_key(key), "NewPublicKeyType": "Rsa"}
            await self._client.call(UPDATE_KEY_TARGET, members, self._signer_by(self._state.key()))
            self._adopt_next_key()

    async def signer(self, service: str, region: str | None = None) -> Sign:
        """Return the signer for calls to `service` (`ssm`, `ssmmessages`, `kms`) by Signature Version 4.

        `region` is the node's unless given. Raises as `current`.
        """
        credentials = (await self.current()).credentials()
        signed_for = region or self._registration.region

        def sign_call(request: SignableRequest) -> dict[str, str]:
            return sign(request, credentials, signed_for, service, datetime.fromtimestamp(self._clock(), UTC))

        return sign_call

    async def _request(self) -> RoleCredentials:
        asked_at = self._clock()
        answer = await self._ask()
        try:
            received = RoleCredentials(
                access_key_id=str(answer["AccessKeyId"]),
                secret_access_key=str(answer["SecretAccessKey"]),
                session_token=str(answer["SessionToken"]),
                issued_at=asked_at,
                expires_at=_epoch_seconds(answer["TokenExpirationDate"]),
            )
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise Unreachable(f"the role token lacks {error}") from error
        try:
            self._state.save_credentials(received)
        except OSError as error:  # every process requests its own until the disk is usable again
            _LOG.warning("credentials not kept", reason=error.strerror)
        self.key_is_old = answer.get("UpdateKeyPair") is True
        return received

    async def _ask(self) -> dict[str, Any]:
        """Ask with the node's key, and with the next one if the server no longer knows the first."""
        members = {"Fingerprint": self._fingerprint()}
        try:
            return await self._client.call(ROLE_TOKEN_TARGET, members, self._signer_by(self._state.key()))
        except ServiceError as error:
            key = self._state.next_key()
            if key is None or error.code != "InvalidSignatureException":
                raise
            answer = await self._client.call(ROLE_TOKEN_TARGET, members, self._signer_by(key))
            self._adopt_next_key()
            return answer

    def _adopt_next_key(self) -> None:
        """Make the next key the node's; if that fails, the next request tries again."""
        try:
            self._state.adopt_next_key()
        except OSError as error:
            _LOG.warning("new key not activated", reason=error.strerror)

    def _signer_by(self, key: "RSAPrivateKey") -> Sign:
        from ferryman.signing.rsa import sign_rsa

        region, node = self._registration.region, node_id(self._registration)

        def sign_call(request: SignableRequest) -> dict[str, str]:
            return sign_rsa(request, node, key, region, datetime.fromtimestamp(self._clock(), UTC))

        return sign_call

    def _left_by_another_process(self) -> RoleCredentials | None:
        """Return the credentials in the state directory; None if it is a copy of another machine's."""
        left = self._state.credentials()
        usable = left is not None and self._clock() < left.refresh_at and self._state.is_of_this_machine()
        return left if usable else None

    def _fingerprint(self) -> str:
        """Return the registered fingerprint, unless this is another machine with a copy of the state directory."""
        return self._registration.fingerprint if self._state.is_of_this_machine() else NOT_THIS_MACHINE


def is_credential_fault(error: ServiceError) -> bool:
    """Tell whether a call failed for its credentials, so that new ones may help."""
    return error.code in _CREDENTIAL_FAULTS or error.status == 403


_CREDENTIAL_FAULTS = frozenset(
    {
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "UnrecognizedClientException",
    }
)


def _epoch_seconds(value: object) -> float:
    """Return seconds since the epoch from a number or from ISO 8601 text (`protocol/agent.md` §1.11)."""
    if isinstance(value, int | float):
        return float(value)
    return parse_iso(str(value)).timestamp()
