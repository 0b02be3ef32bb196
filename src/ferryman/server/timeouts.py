"""How long the server waits for its peers, in seconds; in one place so that tests can shorten it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The defaults suit AWS's clients and agents; only tests change them."""

    request: float = 15.0
    """From the connection to the complete head of its first request, including the TLS handshake. While the peer is
    unauthenticated, also from each response to the next request. AWS's agent allows its own calls as much."""
    idle: float = 75.0
    """From a response to the complete head of an authenticated peer's next request."""
    poll: float = 15.0
    """How long GetMessages is held; AWS's agent gives up after 20 s (`protocol/agent.md` §2)."""
    body: float = 30.0
    """Until a request's body must be complete."""
    opening: float = 10.0
    """From the upgrade to the first text frame."""
    ping: float = 50.0
    """Between two pings to one peer."""
    silence: float = 400.0
    """A peer that sends nothing for this long, not even a pong, is gone. AWS's older agents and clients may be silent
    for 6 minutes (`protocol/agent.md` §0.1)."""
    own_ping: float = 15.0
    """Between two pings to one of Ferryman's own agents or clients."""
    own_silence: float = 30.0
    """After this long without anything from one of those, it is gone. The next ping notices: within 45 s."""
    probe: float = 3.0
    """How long a silent node has to answer a ping before a session is started on it."""
    quiet: float = 5.0
    """A node that sent something within this long is not pinged before a session is started on it."""
    stall: float = 8.0
    """A peer that reads nothing for this long is stalled: what is meant for it is dropped until it reads again. Less
    than the 10 s after which Ferryman's ends miss a pong, because the other end's pings wait behind its data."""
    close: float = 2.0
    """How long a peer has for its half of the closing handshake."""
    finish: float = 5.0
    """How long a session waits for `agent_task_complete` after the agent's last message on its data channel."""
    drain: float = 2.0
    """How long the end of a session waits for output that is still arriving from the agent."""
    handshake: float = 0.1
    """How long nothing is sent to AWS's client after HandshakeComplete: anything that arrives while it sets up a
    forwarded port can crash its reader (`protocol/client.md` §12.2)."""
    start: float = 1.0
    """Between two session starts on one node, unless the first has created its channel (`protocol/agent.md` §3.9)."""
    deregistered: float = 30.0
    """How often the server checks whether nodes with a control channel were deregistered on another server."""
    shutdown: float = 5.0
    """How long all channels together have to close."""


DEFAULT_TIMEOUTS = Timeouts()
