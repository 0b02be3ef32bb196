"""Deleting sessions of browsers, and links, that have expired."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from ferryman.core.console.browser_sessions import prune_browser_sessions
from ferryman.core.service import Service
from ferryman.server.background import running_beside, supervised
from ferryman.server.http.app_keys import GATEWAY

INTERVAL_SECONDS = 60.0


async def prune_sessions(app: web.Application) -> AsyncIterator[None]:
    """Delete them about once a minute while the application runs."""
    service = app[GATEWAY].service
    async with running_beside(supervised("expired browser sessions", lambda: _prune(service))):
        yield


async def _prune(service: Service) -> None:
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        await prune_browser_sessions(service)
