"""The query of a client's StreamUrl: what session it is for, so that the client can hold its node to that.

AWS's URL says `role` only; clients pass the rest on unread.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

SESSION_TYPE = "sessionType"
LOCAL_PROPERTIES = ("type", "localConnectionType", "localPortNumber", "localUnixSocket")
"""Properties of a Port session that say what it opens on the client's machine."""


def stream_query(session_type: str, properties: Mapping[str, Any]) -> str:
    """Return the query for a session of this type and of its document's properties."""
    local = {name: str(properties[name]) for name in LOCAL_PROPERTIES if name in properties}
    return urlencode({"role": "publish_subscribe", SESSION_TYPE: session_type, **local}, quote_via=quote)
