"""Bytes over the network: WebSockets and the pump that drives an engine of `channel`, the HTTP client, proxies, trust.

Knows aiohttp and asyncio. Decides nothing about sessions: engines do, and say what to send and when to be called again.
"""
