"""How many examples the property tests try: few in each run of the suite, since every run tries others."""

import os

TIMES = int(os.environ.get("FERRYMAN_TEST_EXAMPLES", "1"))


def examples(count: int) -> int:
    """Return how many examples to try: `count`, or FERRYMAN_TEST_EXAMPLES times as many."""
    return count * TIMES
