"""Versions that peers see. They follow the package's, so that every release raises them (a test checks that).

Both must keep four numeric components: peers compare them (`protocol/client.md` §8.5). They are for people and for
AWS's ends. Ferryman's ends agree on what they can do in the handshake, whatever their versions.
"""

PRODUCT_VERSION = "0.1.0"
"""The package's version, as people read it and as User-Agents have it."""

AGENT_NAME = "ferryman-agent"
AGENT_VERSION = "4.0.1.0"
"""4, then the package's version. Above 3.1.1511.0, so clients multiplex and leave smux keep-alives off."""

CLIENT_VERSION = "1.3.1.0"
"""1, then the package's version with 3 added to its first number. Above 1.2.497.0 (the AWS CLI's gate for the
environment variable) and 1.2.331.0 (smux keep-alives)."""
