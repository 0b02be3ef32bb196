"""Limits of watching, in seconds and characters."""

PUBLISH_SECONDS = 0.02
"""How often watchers get a message; nobody reads a screen faster."""
MOST_PENDING = 256 * 1024
"""Characters that wait to be published."""
MOST_QUEUED = 512 * 1024
"""Characters that wait for one watcher to read; more are replaced by the screen as it is."""
WATCHES_PER_PERSON = 3
"""How many times one person may watch one session at the same time."""
RENEWAL_SECONDS = 10.0
"""How often a watcher's permission is checked. One that is silent for three times as long is forgotten."""
NOTICES_PER_PERSON = (6, 1 / 30)
NOTICES_PER_SESSION = (20, 0.1)
"""Notices that somebody began or stopped watching, per watcher and per session: the burst, and the rate per second."""
SUMMARY_SECONDS = 10.0
"""How long after the first suppressed notice the person gets a summary of who is watching."""
TICK_SECONDS = 1.0
REJOIN_SECONDS = 1.0
"""How often a watcher may get the whole screen, and how often a session is looked for that no server relays."""
