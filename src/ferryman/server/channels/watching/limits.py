"""Limits of watching, in seconds and characters."""

PUBLISH_SECONDS = 0.02
"""Between two messages to watchers; screens are not read faster."""
MOST_PENDING = 256 * 1024
"""Characters that wait to be published."""
MOST_QUEUED = 512 * 1024
"""Characters that wait for one watcher to read; more are replaced by the screen as it is."""
OF_ONE_PERSON = 3
"""Times that one person may watch one session at once."""
RENEWAL_SECONDS = 10.0
"""A watcher's permission is checked so often. One that is not heard of for three times as long is forgotten."""
NOTICES_OF_ONE_PERSON = (6, 1 / 30)
NOTICES_OF_ONE_SESSION = (20, 0.1)
"""Notices that someone watches or no longer does, about one person and in all: how many at once, and per second."""
SUMMARY_SECONDS = 10.0
"""After a notice that was one too many, the person is notified so much later of who watches by then."""
TICK_SECONDS = 1.0
REJOIN_SECONDS = 1.0
"""Between two times that a watcher gets the whole screen, and between looks for a session that no server has."""
