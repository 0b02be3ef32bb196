"""Blocks in a bucket: objects named by the offset of their first byte, each of one or more whole blocks.

A block is an object of its own as soon as it is written; nobody can write another one in its place. When a recording is
complete, its objects are merged into one. Offsets are those of the file that a directory would have, so that readers do
not notice a merge.
"""

import errno
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ferryman.recording.aws_clients import AwsAccess, CallFailed, aws_client, calling
from ferryman.recording.blocks import HEADER_SIZE, DamagedBlock, parse_header
from ferryman.recording.storage import s3_objects
from ferryman.recording.storage.block_search import find_block
from ferryman.recording.storage.port import StoredBlock
from ferryman.recording.storage.s3_objects import StoredObject, groups_of

CONNECTIONS = 32
WRITERS_TO_S3 = 16
"""How many threads write blocks; each waits for an answer most of the time."""
FETCHERS = 16
"""How many threads fetch objects ahead of a reader."""
READ_BYTES = 4 * 1024 * 1024
"""How much of a large object is fetched at a time."""
SEARCH_BYTES = 128 * 1024
"""How much is fetched at a time when a block is looked for."""
PART_BYTES = 8 * 1024 * 1024
"""A larger recording is merged in parts of this size."""
RECENT_BYTES = 32 * 1024 * 1024
"""Blocks that were found in an index are remembered up to this size, since they are read next."""
MOST_ENDS = 10_000
LISTED_AT_ONCE = DELETED_AT_ONCE = 1000
_TRIES = 5
"""How often a reader looks again for objects that were merged while it read them."""


class _Merged(Exception):
    """An object is gone: another process has merged it into another one, or deleted the recording."""


class S3Storage:
    """`recording.storage.BlockStorage` in a bucket, below `prefix`, which is empty or ends with a slash."""

    def __init__(self, access: AwsAccess, bucket: str, prefix: str = "") -> None:
        self._access = access
        self._bucket = bucket
        self._prefix = prefix
        self._where = f"the bucket {bucket}"
        self._lock = threading.Lock()
        self._made: Any = None
        self._ends: OrderedDict[str, int] = OrderedDict()
        """The offset of the next block, for each recording that this process writes."""
        self._recent: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._recent_size = 0
        self._fetchers = ThreadPoolExecutor(FETCHERS, "recording-fetcher")

    def close(self) -> None:
        """Stop fetching."""
        self._fetchers.shutdown(cancel_futures=True)

    def probe(self) -> None:
        """See `BlockStorage`."""
        key = f"{self._prefix}probe"
        with _failing(), calling("s3:PutObject", self._where):
            self._client().put_object(Bucket=self._bucket, Key=key, Body=b"")
        with _failing(), calling("s3:DeleteObject", self._where):
            self._client().delete_object(Bucket=self._bucket, Key=key)

    def acquire(self, recording_id: str) -> None:
        """Do nothing: `append` fails where another writer has written a block."""

    def release(self, recording_id: str) -> None:
        """Do nothing, as `acquire`."""

    def append(self, recording_id: str, block: bytes) -> None:
        """See `BlockStorage`. A block that was written although the answer was lost may be written again."""
        start = self._end(recording_id)
        key = self._key(recording_id, start)
        try:
            with calling("s3:PutObject", self._where):
                self._client().put_object(Bucket=self._bucket, Key=key, Body=block, IfNoneMatch="*")
        except CallFailed as error:
            if error.status != 412:
                raise _failed(error) from error
            if not self._holds(key, block):
                self._forget_end(recording_id)
                raise OSError(errno.EEXIST, f"another server has written to {key} in {self._where}") from error
        self._remember_end(recording_id, start + len(block))

    def complete(self, recording_id: str) -> None:
        """See `BlockStorage`: merge its objects, unless that was done."""
        self._forget_end(recording_id)
        objects = self._objects(recording_id)
        if len(objects) < 2:
            return
        key = self._key(recording_id, objects[0].start)
        if objects[-1].end - objects[0].start <= PART_BYTES:
            content = b"".join(self._contents(recording_id, objects))
            with _failing(), calling("s3:PutObject", self._where):
                self._client().put_object(Bucket=self._bucket, Key=key, Body=content)
        else:
            self._merge_in_parts(recording_id, key, objects)
        self._delete([self._key(recording_id, each.start) for each in objects[1:]])

    def index(self, recording_id: str, offset: int = 0) -> Iterator[StoredBlock]:
        """See `BlockStorage`."""
        for _ in range(_TRIES):
            try:
                for block in self._index(recording_id, offset):
                    offset = block.offset + block.header.size
                    yield block
            except _Merged:
                continue
            return
        raise self._vanishing(recording_id)

    def size(self, recording_id: str) -> int:
        """See `BlockStorage`."""
        objects = self._objects(recording_id)
        return objects[-1].end if objects else 0

    def find(self, recording_id: str, at: int | None) -> int:
        """See `BlockStorage`."""
        for _ in range(_TRIES):
            try:
                return self._find(recording_id, self._objects(recording_id), at)
            except _Merged:
                continue
        raise self._vanishing(recording_id)

    def _find(self, recording_id: str, objects: Sequence[StoredObject], at: int | None) -> int:
        def read(start: int, length: int) -> bytes:
            return self._bytes(recording_id, objects, start, length)

        def blocks(start: int) -> Iterator[StoredBlock]:
            return self._headers(recording_id, objects, start)

        return find_block(objects[-1].end, read, blocks, at) if objects else 0

    def repair(self, recording_id: str, offset: int) -> list[StoredBlock]:
        """See `BlockStorage`. There is never a part of a block."""
        blocks = list(self.index(recording_id, offset))
        self._remember_end(recording_id, blocks[-1].offset + blocks[-1].header.size if blocks else offset)
        return blocks

    def read(self, recording_id: str, block: StoredBlock) -> bytes:
        """See `BlockStorage`."""
        size = block.header.size
        with self._lock:
            known = self._recent.get((recording_id, block.offset))
        if known is not None:
            return known
        for _ in range(_TRIES):
            for each in self._objects(recording_id):
                if each.start <= block.offset < each.end:
                    try:
                        return self._range(recording_id, each, block.offset, size)
                    except _Merged:
                        break
            else:
                break
        raise DamagedBlock(f"block {block.header.number} is missing")

    def delete(self, recording_id: str) -> None:
        """See `BlockStorage`."""
        self._forget_end(recording_id)
        self._delete([self._key(recording_id, each.start) for each in self._listed(recording_id)])

    def _index(self, recording_id: str, offset: int) -> Iterator[StoredBlock]:
        wanted = [each for each in self._objects(recording_id) if each.end > offset]
        for group in groups_of(wanted):
            if len(group) == 1 and group[0].end - group[0].start > s3_objects.GROUP_BYTES:
                yield from self._blocks_of_large(recording_id, group[0], max(offset, group[0].start))
                continue
            for each, content in zip(group, self._fetched(recording_id, group), strict=True):
                yield from self._blocks_of(recording_id, each.start, content, max(offset, each.start))

    def _headers(self, recording_id: str, objects: Sequence[StoredObject], offset: int) -> Iterator[StoredBlock]:
        """Yield where each block is from `offset` on, reading little more than their headers; raises `_Merged`."""
        window, start = b"", offset
        while offset < objects[-1].end:
            if offset + HEADER_SIZE > start + len(window):
                window, start = self._bytes(recording_id, objects, offset, SEARCH_BYTES), offset
            block = StoredBlock(offset, parse_header(window[offset - start : offset - start + HEADER_SIZE]))
            yield block
            offset += block.header.size

    def _bytes(self, recording_id: str, objects: Sequence[StoredObject], start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on, fewer at the end; raises `_Merged`."""
        found = b""
        for each in objects:
            offset = start + len(found)
            if each.start <= offset < each.end and len(found) < length:
                found += self._range(recording_id, each, offset, length - len(found))
        return found

    def _vanishing(self, recording_id: str) -> OSError:
        return OSError(errno.EIO, f"objects of {recording_id} in {self._where} vanish while they are read")

    def _blocks_of(self, recording_id: str, start: int, content: bytes, offset: int) -> Iterator[StoredBlock]:
        """Yield the blocks of a whole object from `offset` on, and remember them."""
        while offset < start + len(content):
            block = StoredBlock(offset, parse_header(content[offset - start : offset - start + HEADER_SIZE]))
            end = offset + block.header.size
            if end > start + len(content):
                raise DamagedBlock(f"block {block.header.number} is cut short")
            self._remember(recording_id, offset, content[offset - start : end - start])
            yield block
            offset = end

    def _blocks_of_large(self, recording_id: str, each: StoredObject, offset: int) -> Iterator[StoredBlock]:
        """Yield the blocks of a large object from `offset` on; remember those that were fetched with others."""
        window, start = b"", offset
        while offset < each.end:
            if offset + HEADER_SIZE > start + len(window):
                window, start = self._range(recording_id, each, offset, READ_BYTES), offset
            block = StoredBlock(offset, parse_header(window[offset - start : offset - start + HEADER_SIZE]))
            end = offset + block.header.size
            if end > each.end:
                raise DamagedBlock(f"block {block.header.number} is cut short")
            if end > start + len(window):
                window, start = self._range(recording_id, each, offset, READ_BYTES), offset
            self._remember(recording_id, offset, window[offset - start : end - start])
            yield block
            offset = end

    def _merge_in_parts(self, recording_id: str, key: str, objects: Sequence[StoredObject]) -> None:
        client, target = self._client(), {"Bucket": self._bucket, "Key": key}
        with _failing(), calling("s3:PutObject", self._where):
            target["UploadId"] = client.create_multipart_upload(**target)["UploadId"]
        parts: list[dict[str, object]] = []
        try:
            waiting = bytearray()
            for content in (*self._contents(recording_id, objects), b""):
                waiting += content
                while len(waiting) >= PART_BYTES or (waiting and not content):
                    with _failing(), calling("s3:PutObject", self._where):
                        part = bytes(waiting[:PART_BYTES])
                        tag = client.upload_part(**target, PartNumber=len(parts) + 1, Body=part)["ETag"]
                    parts.append({"ETag": tag, "PartNumber": len(parts) + 1})
                    del waiting[:PART_BYTES]
            with _failing(), calling("s3:PutObject", self._where):
                client.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
        except BaseException:
            with _failing(), calling("s3:AbortMultipartUpload", self._where):
                client.abort_multipart_upload(**target)
            raise

    def _contents(self, recording_id: str, objects: Sequence[StoredObject]) -> Iterator[bytes]:
        """Yield the bytes of objects, in order."""
        try:
            for group in groups_of(objects):
                if len(group) == 1 and group[0].end - group[0].start > s3_objects.GROUP_BYTES:
                    for offset in range(group[0].start, group[0].end, READ_BYTES):
                        yield self._range(recording_id, group[0], offset, READ_BYTES)
                else:
                    yield from self._fetched(recording_id, group)
        except _Merged as error:
            raise OSError(errno.EIO, f"another server has merged the objects of {recording_id}") from error

    def _fetched(self, recording_id: str, group: Sequence[StoredObject]) -> list[bytes]:
        """Return the contents of small objects; raises `_Merged`."""
        fetched = self._fetchers.map(lambda each: self._get(self._key(recording_id, each.start)), group)
        contents = list(fetched)
        if any(len(content) != each.end - each.start for each, content in zip(group, contents, strict=True)):
            raise _Merged
        return contents

    def _holds(self, key: str, block: bytes) -> bool:
        try:
            return self._get(key) == block
        except _Merged:
            return False

    def _get(self, key: str) -> bytes:
        return self._fetch({"Bucket": self._bucket, "Key": key})

    def _range(self, recording_id: str, each: StoredObject, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, less where the object ends; raises `_Merged`."""
        first, last = offset - each.start, min(each.end, offset + size) - each.start - 1
        key = self._key(recording_id, each.start)
        content = self._fetch({"Bucket": self._bucket, "Key": key, "Range": f"bytes={first}-{last}"})
        if len(content) != last - first + 1:
            raise _Merged
        return content

    def _fetch(self, parameters: dict[str, str]) -> bytes:
        try:
            with calling("s3:GetObject", self._where):
                return bytes(self._client().get_object(**parameters)["Body"].read())
        except CallFailed as error:
            if error.code in {"NoSuchKey", "404"}:
                raise _Merged from error
            raise _failed(error) from error

    def _objects(self, recording_id: str) -> list[StoredObject]:
        """Return the objects that a recording consists of, without those that were merged and not yet deleted."""
        found: list[StoredObject] = []
        for each in self._listed(recording_id):
            if not found or each.start >= found[-1].end:
                found.append(each)
        return found

    def _listed(self, recording_id: str) -> list[StoredObject]:
        prefix = self._key(recording_id)
        found, token = list[StoredObject](), dict[str, str]()
        while True:
            with _failing(), calling("s3:ListBucket", self._where):
                answer = self._client().list_objects_v2(
                    Bucket=self._bucket, Prefix=prefix, MaxKeys=LISTED_AT_ONCE, **token
                )
            for each in answer.get("Contents", []):
                name = each["Key"].removeprefix(prefix)
                if len(name) == 16 and name.isdecimal():
                    found.append(StoredObject(int(name), int(name) + each["Size"]))
            if not answer.get("IsTruncated"):
                return sorted(found, key=lambda each: (each.start, -each.end))
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def _delete(self, keys: Sequence[str]) -> None:
        for first in range(0, len(keys), DELETED_AT_ONCE):
            objects = [{"Key": key} for key in keys[first : first + DELETED_AT_ONCE]]
            with _failing(), calling("s3:DeleteObject", self._where):
                answer = self._client().delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", []):
                cause = f"s3:DeleteObject on {self._where} was refused ({error.get('Code')}: {error.get('Message')})"
                raise OSError(errno.EIO, cause)

    def _end(self, recording_id: str) -> int:
        with self._lock:
            known = self._ends.get(recording_id)
        if known is not None:
            return known
        objects = self._objects(recording_id)
        return objects[-1].end if objects else 0

    def _remember_end(self, recording_id: str, end: int) -> None:
        with self._lock:
            self._ends[recording_id] = end
            self._ends.move_to_end(recording_id)
            if len(self._ends) > MOST_ENDS:
                self._ends.popitem(last=False)

    def _forget_end(self, recording_id: str) -> None:
        with self._lock:
            self._ends.pop(recording_id, None)

    def _remember(self, recording_id: str, offset: int, block: bytes) -> None:
        with self._lock:
            self._recent_size += len(block) - len(self._recent.pop((recording_id, offset), b""))
            self._recent[recording_id, offset] = block
            while self._recent_size > RECENT_BYTES:
                self._recent_size -= len(self._recent.popitem(last=False)[1])

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                with _failing():
                    self._made = aws_client("s3", self._access, CONNECTIONS)
            return self._made

    def _key(self, recording_id: str, start: int | None = None) -> str:
        """Return the key of an object, or what those of a recording begin with."""
        name = "" if start is None else f"{start:016d}"
        return f"{self._prefix}{recording_id[-2:]}/{recording_id}/{name}"


@contextmanager
def _failing() -> Iterator[None]:
    """Raise OSError for a call that failed."""
    try:
        yield
    except CallFailed as error:
        raise _failed(error) from error


def _failed(error: CallFailed) -> OSError:
    return OSError(errno.EIO, str(error))
