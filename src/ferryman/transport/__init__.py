"""asyncio pumps: an engine of `channel` on a WebSocket, and the HTTP client. Knows aiohttp; decides nothing."""
