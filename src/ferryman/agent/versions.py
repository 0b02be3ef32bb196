"""What the agent calls itself on the wire."""

from ferryman.model.values.versions import AGENT_NAME, AGENT_VERSION

USER_AGENT = f"{AGENT_NAME}/{AGENT_VERSION}"
