"""The names and versions that the agent reports on the wire."""

from ferryman.model.values.versions import AGENT_NAME, AGENT_VERSION

USER_AGENT = f"{AGENT_NAME}/{AGENT_VERSION}"
