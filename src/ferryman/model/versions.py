"""Versions that peers see. Both must keep four numeric components: peers compare them (`protocol/client.md` §8.5)."""

AGENT_NAME = "ferryman-agent"
AGENT_VERSION = "4.0.1.0"
"""Above 3.1.1511.0, so clients multiplex and leave smux keep-alives off."""

CLIENT_VERSION = "1.3.1.0"
"""Above 1.2.497.0 (the AWS CLI's gate for the environment variable) and 1.2.331.0 (smux keep-alives)."""
