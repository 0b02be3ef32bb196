"""SSH keys that are valid for a minute: kept for sshd, which asks a program that prints them.

It knows sshd's configuration and the agent's state directory; it must not know sessions.
"""
