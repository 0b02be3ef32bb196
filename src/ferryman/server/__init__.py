"""The AWS endpoints and the channel gateway on aiohttp. Calls core."""
