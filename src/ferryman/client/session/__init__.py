"""One running session: its connections, its engine, and the driver that keeps the two together.

Knows data channels, tickets and what the agent's version can do. Must not know terminals, signals, standard streams or
the messages that people see: it raises `CannotConnect` and reports events, and `plugin` and `library` word them.
"""
