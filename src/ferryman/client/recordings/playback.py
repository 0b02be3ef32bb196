"""The times at which a recording's events are shown when it is played."""

from collections.abc import Iterable, Iterator

from ferryman.client.recordings.events import RecordedEvent


def paced(
    events: Iterable[RecordedEvent], longest_pause: float | None, start_at: float
) -> Iterator[tuple[float, RecordedEvent]]:
    """Yield how many seconds to wait before each event, and the event.

    What comes before `start_at` seconds is shown without waiting, so that the screen is right from there on. Pauses
    are cut to `longest_pause` seconds.
    """
    before = start_at
    for event in events:
        pause = max(0.0, event.at - before)
        before = max(before, event.at)
        yield pause if longest_pause is None else min(pause, longest_pause), event
