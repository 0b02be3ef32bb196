"""A KMS elsewhere, of any maker: `core.ports.kms.ForeignKms` over botocore's client, in threads of its own.

What was decrypted is remembered for a few seconds, so that a person who pages through a recording does not make a call
for each page.
"""

import asyncio
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ferryman.core.ports.kms import Context, KeyUnusable
from ferryman.recording.aws_clients import AwsAccess, CallFailed, aws_client, calling

THREADS = 4
ANSWER_SECONDS = 10.0
"""How long a call may take, waiting for a thread included; after that it has failed."""
REMEMBERED_SECONDS = 5.0
MOST_REMEMBERED = 256


class KmsElsewhere:
    """`core.ports.kms.ForeignKms`. The client is made when it is needed; `close` it at the end."""

    def __init__(self, access: AwsAccess, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, "kms")
        self._making = threading.Lock()
        self._made: Any = None
        self._remembered: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    async def encrypt(self, key: str, plaintext: bytes, context: Context) -> bytes:
        """See `ForeignKms`."""

        def call() -> bytes:
            with calling("kms:Encrypt", f"the KMS key {key}"):
                answer = self._client().encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext=dict(context))
            return bytes(answer["CiphertextBlob"])

        return await self._answered(key, call)

    async def decrypt(self, key: str, ciphertext: bytes, context: Context) -> bytes:
        """See `ForeignKms`."""
        digest = hashlib.sha256(ciphertext + repr(sorted(context.items())).encode()).digest()
        known = self._remembered.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]

        def call() -> bytes:
            with calling("kms:Decrypt", f"the KMS key {key}"):
                answer = self._client().decrypt(KeyId=key, CiphertextBlob=ciphertext, EncryptionContext=dict(context))
            return bytes(answer["Plaintext"])

        plaintext = await self._answered(key, call)
        self._remembered[digest] = (self._clock() + REMEMBERED_SECONDS, plaintext)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return plaintext

    def close(self) -> None:
        """Stop; calls under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._remembered.clear()

    async def _answered(self, key: str, call: Callable[[], bytes]) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except TimeoutError as error:
            raise KeyUnusable(f"the KMS of the key {key} did not answer within {ANSWER_SECONDS:g} s") from error
        except CallFailed as error:
            raise KeyUnusable(str(error)) from error

    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = aws_client("kms", self._access, THREADS)
            return self._made
