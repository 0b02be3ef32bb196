"""Asyncio pumps: an engine of channel on a WebSocket, reconnects, and the HTTP client."""
