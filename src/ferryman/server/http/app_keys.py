"""What handlers find in the application and in a request."""

from aiohttp import web

from ferryman.awsapi.dispatch import ApiCall
from ferryman.core.audit.records import ObservedCall
from ferryman.core.ratelimits.failed_attempts import Guesses
from ferryman.core.ratelimits.throttle import Throttle
from ferryman.server.channels.gateway import Gateway
from ferryman.server.http.forwarded import TrustedProxies
from ferryman.server.http.key_uses import KeyUseWriter
from ferryman.server.listener.unauthenticated import Newcomers
from ferryman.server.store_health import StoreHealth

GATEWAY = web.AppKey("gateway", Gateway)
"""The channels of this server, and through it the service."""

KEY_USES = web.AppKey("key_uses", KeyUseWriter)
"""When access keys were last used."""

STORE_HEALTH = web.AppKey("store_health", StoreHealth)
"""Whether the store can be read and written."""

THROTTLE = web.AppKey("throttle", Throttle)
"""How often who has called this server."""

GUESSES = web.AppKey("guesses", Guesses)
"""Who has been wrong too often."""

NEWCOMERS = web.AppKey("newcomers", Newcomers)
"""Which addresses are counted, and as what."""

PROXIES = web.AppKey("proxies", TrustedProxies)
"""Which proxies are believed about whom they speak for."""

REQUEST_ID = web.RequestKey("request_id", str)
"""A UUID; in every answer as x-amzn-RequestId, and in the logs."""

CALL = web.RequestKey("call", ApiCall)
"""Which operation was meant, once known: errors are written in its protocol."""

OBSERVED = web.RequestKey("observed", ObservedCall)
"""What is known of a call, for its record; set with `CALL`, but for upgrades."""
