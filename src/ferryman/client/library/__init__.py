"""Sessions inside a program: commands, and local ports that lead through a node.

Touches no signals, terminals or standard streams, so a program may have any number of sessions in one event loop. Every
failure is a `Failure`, whose sentence is written here. Must not import `plugin`.
"""
