"""Rules about the sessions that a caller may use keys for. AWS accepts any encryption context; here it must be true.

Both ends of an encrypted session use a data key with the session and its target in the encryption context
(`protocol/client.md` §9, `protocol/agent.md` §4.10).
"""

from ferryman.core.kms.encryption.ciphertexts import EncryptionContext
from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.sessions import RESUMABLE
from ferryman.policy.context import fold

SESSION_ID = "aws:ssm:SessionId"
TARGET_ID = "aws:ssm:TargetId"
_NAMES = frozenset(fold(name) for name in (SESSION_ID, TARGET_ID))


def is_about_session(context: EncryptionContext) -> bool:
    """Return whether an encryption context is, or claims to be, that of a session.

    Names are compared without case, as conditions of policies do.
    """
    return not {fold(name) for name in context}.isdisjoint(_NAMES)


async def is_own_session(service: Service, caller: Caller, context: EncryptionContext) -> bool:
    """Return whether a context names a running session and its target, which are the caller's own.

    A session is a node's own if the node is its target, and a person's own if they started it.
    """
    if SESSION_ID not in context or TARGET_ID not in context:
        return False
    session = await service.store.sessions.get(SessionId(context[SESSION_ID]))
    if session is None or session.status not in RESUMABLE or session.target != context[TARGET_ID]:
        return False
    if caller.kind is CallerKind.NODE:
        return caller.node_id == session.target
    return caller.owner_id == session.owner_id
