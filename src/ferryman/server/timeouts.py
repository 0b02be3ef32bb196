"""How long the gateway waits for its peers, in seconds, in one place so that tests can shorten it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """The defaults suit AWS's clients and agents; only tests change them."""

    request: float = 15.0
    """From the connection to the whole head of its first request, the TLS handshake included; for as long as the peer
    has not shown who it is, from each answer to the next request, too. AWS's agent gives its own calls as much."""
    idle: float = 75.0
    """From an answer to the whole head of the next request of a peer that is known."""
    poll: float = 15.0
    """GetMessages is held this long; AWS's agent gives up after 20 s (`protocol/agent.md` §2)."""
    body: float = 30.0
    """A request's body must be complete by then."""
    opening: float = 10.0
    """From the upgrade to the first text frame."""
    ping: float = 50.0
    """Between two pings to one peer."""
    silence: float = 400.0
    """A peer that sent nothing at all for this long, no pong either, is gone; AWS's older ends may be silent for 6
    minutes (`protocol/agent.md` §0.1)."""
    own_ping: float = 15.0
    """Between two pings to one of Ferryman's own ends."""
    own_silence: float = 30.0
    """One of those that sent nothing for this long is gone, noticed at the next ping: within 45 s of its last word."""
    probe: float = 3.0
    """What a node that has been silent has for the answer to a ping, before a session is started on it."""
    quiet: float = 5.0
    """A node that sent something within this long is not pinged for that."""
    stall: float = 8.0
    """A peer that takes not one byte for this long is stalled: what it would get is dropped until it reads again. Below
    the 10 s after which Ferryman's ends miss a pong: the other end's pings wait behind what cannot be passed on."""
    close: float = 2.0
    """What a peer has for its half of the closing handshake."""
    finish: float = 5.0
    """From an agent's last word on its data channel to its `agent_task_complete`, before the session ends without."""
    drain: float = 2.0
    """How long a session's end waits for output that is still on its way from the agent's socket."""
    handshake: float = 0.1
    """What AWS's client has for itself after HandshakeComplete: anything that comes while it sets up a forwarded port
    can kill its reader (`protocol/client.md` §12.2)."""
    start: float = 1.0
    """Between two session starts on one node, unless the first has shown itself (`protocol/agent.md` §3.9)."""
    shutdown: float = 5.0
    """What all channels together have to close."""


DEFAULT_TIMING = Timing()
