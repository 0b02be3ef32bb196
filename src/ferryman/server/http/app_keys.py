"""What handlers find in the application; `http.call_context` is what they find in a request."""

from aiohttp import web

from ferryman.core.ratelimits.failed_attempts import FailedAttempts
from ferryman.core.ratelimits.throttle import Throttle
from ferryman.core.ratelimits.turns import Turns
from ferryman.server.channels.gateway import Gateway
from ferryman.server.http.forwarded import TrustedProxies
from ferryman.server.http.key_uses import KeyUseWriter
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.metrics.counters import Counters
from ferryman.server.store_health import StoreHealth

GATEWAY = web.AppKey("gateway", Gateway)
"""The channels of this server. Its `service` is what every handler uses."""

KEY_USES = web.AppKey("key_uses", KeyUseWriter)
"""When access keys were last used."""

STORE_HEALTH = web.AppKey("store_health", StoreHealth)
"""Whether the store can be read and written, for `/healthz`."""

THROTTLE = web.AppKey("throttle", Throttle)
"""How often each caller has called this server."""

AUTHENTICATION_TURNS = web.AppKey("authentication_turns", Turns[tuple[str, str, str]])
"""Whose signature is verified next: of a site, an address there, and the key that is claimed from it."""

AGENTS_TURNS = web.AppKey("agents_turns", Turns[tuple[str, str, str]])
"""The same among agents that connect their nodes."""

FAILED_ATTEMPTS = web.AppKey("failed_attempts", FailedAttempts)
"""Which addresses failed to authenticate, and how often."""

UNAUTHENTICATED_LIMITS = web.AppKey("unauthenticated_limits", UnauthenticatedLimits)
"""How many unauthenticated connections each address has, and which addresses are counted."""

COUNTERS = web.AppKey[Counters]("counters", Counters)
"""What is counted of the calls."""

PROXIES = web.AppKey("proxies", TrustedProxies)
"""Which proxies are trusted to name their clients."""
