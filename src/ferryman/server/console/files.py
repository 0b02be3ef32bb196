"""The console's built files: read once into memory, and sent compressed as they were built.

Any other path gets `index.html`, which shows the right screen, so links into the console work.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

from ferryman.console import STATIC

INDEX = "index.html"
ASSETS = "assets/"
"""Files whose names contain the hash of their content: a browser need never ask for them again."""
IMMUTABLE = "public, max-age=31536000, immutable"
PIECE = 32 * 1024
SEND_SECONDS = 60.0
"""How long sending a file may take; the largest needs 50 kbit/s."""
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""As in Accept-Encoding, the better one first, and the ending of the file beside the plain one."""
NOT_BUILT = """This server has no web console: it was installed without the console's files.

Install a release of Ferryman, or run `make console` in its source tree. All else works without them.
"""


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file: its plain bytes, and its compressed ones by their encoding."""

    name: str
    plain: bytes
    compressed: dict[str, bytes]
    entity_tag: str

    @property
    def content_type(self) -> str:
        """Its media type; nothing is guessed from the content."""
        return _TYPES.get(Path(self.name).suffix, "application/octet-stream")


class BuiltFiles:
    """All files of a directory, by their paths in it. They are read again when `index.html` has changed."""

    def __init__(self, directory: Path = STATIC, path: str = "/console") -> None:
        self._directory = directory
        self._path = path
        self._files: dict[str, BuiltFile] = {}
        self._changed_at: int | None = None
        self._reading = asyncio.Lock()

    async def find(self, name: str) -> BuiltFile | None:
        """Return a file, or `index.html` for other names that are not below `assets/`. None if there is neither."""
        await self._read()
        return self._files.get(name) or (None if name.startswith(ASSETS) else self._files.get(INDEX))

    async def _read(self) -> None:
        changed_at = _changed_at(self._directory / INDEX)
        if changed_at == self._changed_at:
            return
        async with self._reading:
            if changed_at != self._changed_at:
                self._files = await asyncio.to_thread(_files_of, self._directory, self._path)
                self._changed_at = changed_at


def _changed_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _files_of(directory: Path, path: str) -> dict[str, BuiltFile]:
    content = {
        each.relative_to(directory).as_posix(): each.read_bytes() for each in directory.rglob("*") if each.is_file()
    }
    found: dict[str, BuiltFile] = {}
    for name, plain in content.items():
        if name.endswith(tuple(ending for _, ending in _ENCODINGS)):
            continue
        compressed = {encoding: content[name + ending] for encoding, ending in _ENCODINGS if name + ending in content}
        if name == INDEX:  # links into the console are of any depth, so what it loads is named from the root
            plain, compressed = plain.replace(b'="./', f'="{path}/'.encode()), {}
        found[name] = BuiltFile(name, plain, compressed, hashlib.sha256(plain).hexdigest()[:32])
    return found


async def send_file(files: BuiltFiles, request: web.Request) -> web.StreamResponse:
    """Answer with a file, or with the page that the console is; a reader that takes too long is dropped."""
    name = request.match_info.get("name", "")
    file = await files.find(name or INDEX)
    if file is None and not name.startswith(ASSETS):
        return web.Response(text=NOT_BUILT, status=503)
    if file is None:
        raise web.HTTPNotFound
    headers = {
        hdrs.CACHE_CONTROL: IMMUTABLE if file.name.startswith(ASSETS) else "no-cache",
        hdrs.ETAG: f'"{file.entity_tag}"',
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if any(each.value == file.entity_tag for each in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    accepted = _accepted(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
    body = file.plain
    for encoding, compressed in file.compressed.items():
        if encoding in accepted:
            body, headers[hdrs.CONTENT_ENCODING] = compressed, encoding
            break
    kind = f"{file.content_type}; charset=utf-8" if file.content_type.startswith("text/") else file.content_type
    headers[hdrs.CONTENT_TYPE] = kind
    if request.method == hdrs.METH_HEAD:
        return web.Response(body=body, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    await _send(request, response, body)
    return response


async def _send(request: web.Request, response: web.StreamResponse, body: bytes) -> None:
    """Send a body in pieces: a stranger who does not read it holds about one of them, and not for long."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await response.prepare(request)
            for start in range(0, len(body), PIECE):
                await response.write(body[start : start + PIECE])
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


def _accepted(header: str) -> set[str]:
    """Return the encodings that a browser accepts; one with `q=0` is refused."""
    accepted = set()
    for each in header.split(","):
        name, _, parameters = each.partition(";")
        if parameters.replace(" ", "") not in ("q=0", "q=0.0"):
            accepted.add(name.strip().lower())
    return accepted
