"""One running session: its connections, its engine, and the driver that keeps the two together.

Knows data channels, tickets and the abilities of the agent's version. Must not know terminals, signals, standard
streams or the messages that people see: it raises `CannotConnect` and reports events, and `plugin` and `library` word
them.
"""
