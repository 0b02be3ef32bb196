"""How both ends agree on a data key through KMS, in the handshake (`protocol/client.md` §9, `agent.md` §4.10).

The node names a KMS key and a random challenge. The client has KMS generate a data key and answers with its ciphertext,
which the node has KMS decrypt. Then the node proves that it has the key, and lets the client prove it. The drivers call
KMS: the engines emit `DataKeyRequested` and `DataKeySealed`, and get the results.

AWS's format does not bind a message to its place in the stream, so a relay could repeat one. Ferryman's ends count
their nonces up, and hold each other to that order. They recognise each other by the sealed random texts of the proof,
which a relay cannot alter, unlike the handshake itself.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ferryman.channel.ciphers import Cipher
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.payloads import (
    KMS_ENCRYPTION_ACTION,
    EncryptionChallenge,
    KmsEncryptionParameters,
    KmsEncryptionResult,
    MalformedPayload,
    RequestedAction,
    decode_payload,
    encode_payload,
)

SEALED_BY_NODE = frozenset({PayloadType.OUTPUT, PayloadType.STD_ERR, PayloadType.EXIT_CODE})
SEALED_BY_CLIENT = frozenset({PayloadType.OUTPUT})
LONGEST_CIPHERTEXT = 6144
"""Bytes of a data key's ciphertext, KMS's own limit."""
_RANDOM_CHALLENGE_SIZE = 16
_PROOF_SIZE = 64
_ORDERED, _CONFIRMED = b"ferryman:ordered", b"ferryman:confirm"
"""The beginning of the random text of Ferryman's agent, and its replacement by Ferryman's client. AWS's client returns
the text unchanged."""
_LONGEST_CHALLENGE = 128
_FIRST_NONCE_SIZE = 12
SESSION_ID, TARGET_ID, RANDOM_CHALLENGE = "aws:ssm:SessionId", "aws:ssm:TargetId", "aws:ssm:RandomChallenge"
ENCRYPTED = "This session is encrypted using AWS KMS."
"""AWS's text for the person, which programs look for."""

Entropy = Callable[[int], bytes]


class KeyRefused(ValueError):
    """The other end's part of the agreement is not acceptable; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a session is to be encrypted: `kms_key_id` is a key's id, ARN or alias.

    `requires_challenge`: the client must bind the data key to the node's random challenge, which AWS's never does.
    """

    kms_key_id: str
    requires_challenge: bool = False


@dataclass(frozen=True, slots=True)
class DataKeyRequested:
    """Client: generate a data key of 64 bytes by KMS, then call `use_data_key` or `refuse_data_key`.

    `challenge` is the node's, None from one that sends none.
    """

    kms_key_id: str
    challenge: str | None


@dataclass(frozen=True, slots=True)
class DataKeySealed:
    """Agent: decrypt the client's data key by KMS, then call `use_data_key` or `refuse_data_key` with `attempt`.

    `challenge` is the one that the client bound the key to, None if it did not.
    """

    attempt: int
    kms_key_id: str
    ciphertext: bytes
    challenge: str | None


def encryption_context(session_id: str, target_id: str, challenge: str | None) -> dict[str, str]:
    """Return the encryption context of a session's data key; both ends must use the same."""
    context = {SESSION_ID: session_id, TARGET_ID: target_id}
    return context if challenge is None else {**context, RANDOM_CHALLENGE: challenge}


class NodeKeyAgreement:
    """The node's part, with one client. After `begin`, `cipher` is set."""

    def __init__(self, encryption: Encryption, attempt: int, entropy: Entropy) -> None:
        self._encryption = encryption
        self._attempt = attempt
        self._entropy = entropy
        self._challenge = base64.b64encode(entropy(_RANDOM_CHALLENGE_SIZE)).decode()
        self._proof = b""
        self.cipher: Cipher | None = None

    @property
    def attempt(self) -> int:
        """Which of the session's clients this is with, counted from 1."""
        return self._attempt

    def action(self) -> RequestedAction:
        """Return the action to request of the client."""
        parameters = KmsEncryptionParameters(self._encryption.kms_key_id, self._challenge)
        return RequestedAction(KMS_ENCRYPTION_ACTION, msgspec.Raw(encode_payload(parameters)))

    def sealed_key(self, result: Any) -> DataKeySealed:
        """Return the request to KMS that the client's ActionResult leads to; raises KeyRefused."""
        try:
            given = msgspec.convert(result, KmsEncryptionResult)
            ciphertext = base64.b64decode(given.cipher_text_key, validate=True)
        except (msgspec.ValidationError, binascii.Error, ValueError):
            raise KeyRefused("the client sent no data key") from None
        if not 0 < len(ciphertext) <= LONGEST_CIPHERTEXT:
            raise KeyRefused("the client sent no data key")
        bound = given.challenge_acknowledgement is True
        if self._encryption.requires_challenge and not bound:
            raise KeyRefused("client does not support required encryption context random challenge")
        challenge = self._challenge if bound else None
        return DataKeySealed(self._attempt, self._encryption.kms_key_id, ciphertext, challenge)

    def begin(self, data_key: bytes) -> bytes:
        """Use the decrypted data key; return the payload that challenges the client. Raises KeyRefused."""
        from ferryman.channel.encryption import node_cipher

        try:
            self.cipher = node_cipher(data_key, self._entropy(_FIRST_NONCE_SIZE))
        except ValueError as error:
            raise KeyRefused(str(error)) from error
        self._proof = _ORDERED + self._entropy(_PROOF_SIZE - len(_ORDERED))
        return encode_payload(EncryptionChallenge(base64.b64encode(self.cipher.seal(self._proof)).decode()))

    def check(self, payload: bytes) -> None:
        """Raise KeyRefused unless this answers the challenge."""
        if self.cipher is None:
            raise KeyRefused("Encryption challenge does not match!")
        answer = _opened(self.cipher, payload)
        if hmac.compare_digest(answer, _CONFIRMED + self._proof[len(_ORDERED) :]):
            self.cipher.open_in_order()
        elif not hmac.compare_digest(answer, self._proof):
            raise KeyRefused("Encryption challenge does not match!")


class ClientKeyAgreement:
    """The client's part. Raises MalformedPayload for a challenge that is too long."""

    def __init__(self, parameters: KmsEncryptionParameters, entropy: Entropy) -> None:
        if len(parameters.challenge or "") > _LONGEST_CHALLENGE:
            raise MalformedPayload("the node's random challenge is too long")
        self._entropy = entropy
        self.requested = DataKeyRequested(parameters.kms_key_id, parameters.challenge or None)
        self.cipher: Cipher | None = None
        self.proven = False
        """Whether the node has shown that it has the data key."""

    def begin(self, data_key: bytes, ciphertext: bytes) -> KmsEncryptionResult:
        """Use a data key that KMS generated; return the ActionResult. Raises KeyRefused."""
        from ferryman.channel.encryption import client_cipher

        try:
            self.cipher = client_cipher(data_key, self._entropy(_FIRST_NONCE_SIZE))
        except ValueError as error:
            raise KeyRefused(str(error)) from error
        bound = True if self.requested.challenge is not None else msgspec.UNSET
        return KmsEncryptionResult(base64.b64encode(ciphertext).decode(), None, bound)

    def answer(self, payload: bytes) -> bytes:
        """Return the payload that answers the node's challenge; raises KeyRefused.

        Only one is answered, before anything else is sealed: otherwise a relay could have this end seal any output, and
        pass that off as input.
        """
        if self.cipher is None:
            raise KeyRefused("an encryption challenge came without encryption")
        if self.proven:
            raise KeyRefused("a second encryption challenge")
        proof = _opened(self.cipher, payload)
        if len(proof) != _PROOF_SIZE:
            raise KeyRefused(f"the encryption challenge has {len(proof)} bytes, not {_PROOF_SIZE}")
        self.proven = True
        if proof.startswith(_ORDERED):
            self.cipher.open_in_order()
            proof = _CONFIRMED + proof[len(_ORDERED) :]
        return encode_payload(EncryptionChallenge(base64.b64encode(self.cipher.seal(proof)).decode()))


def _opened(cipher: Cipher, payload: bytes) -> bytes:
    """Return the random text in a challenge or its answer."""
    try:
        return cipher.open(base64.b64decode(decode_payload(payload, EncryptionChallenge).challenge, validate=True))
    except (MalformedPayload, binascii.Error, ValueError) as error:
        raise KeyRefused(f"the encryption challenge cannot be used: {error}") from error
