"""What is refused when too much is held of unfinished requests."""

from ferryman.server.listener.request_memory import RequestMemory


class Sending:
    def __init__(self) -> None:
        self.refused = False

    def refuse(self) -> None:
        self.refused = True


def test_largest_holder_is_refused() -> None:
    memory = RequestMemory(100)
    small, large, larger = Sending(), Sending(), Sending()
    memory.add("a", small, 30)
    memory.add("b", large, 20)
    memory.add("b", larger, 25)
    memory.add("c", Sending(), 24)
    assert memory.total == 99
    memory.add("a", small, 2)
    assert (small.refused, large.refused, larger.refused) == (False, False, True)
    assert memory.total == 76


def test_request_larger_than_the_total_is_refused() -> None:
    memory = RequestMemory(100)
    other, sender = Sending(), Sending()
    memory.add("a", other, 50)
    memory.add("b", sender, 101)
    assert (other.refused, sender.refused, memory.total) == (False, True, 50)


def test_complete_requests_are_counted_and_not_refused() -> None:
    memory = RequestMemory(100)
    complete, sender = Sending(), Sending()
    memory.add("a", complete, 90)
    memory.complete("a", complete)
    memory.add("b", sender, 20)
    assert (complete.refused, sender.refused, memory.total) == (False, True, 90)
    memory.add_complete("a", complete, 20)
    assert memory.total == 110
    assert memory.release("a", complete) == 110
    assert memory.release("a", complete) == 0
    assert memory.total == 0


def test_complete_requests_of_one_holder_leave_room_for_others() -> None:
    memory = RequestMemory(100)
    senders = [Sending() for _ in range(4)]
    assert memory.add_complete("a", senders[0], 40)
    assert memory.add_complete("a", senders[1], 10)
    assert not memory.add_complete("a", senders[2], 1)
    memory.release("a", senders[2])
    memory.add("b", senders[2], 25)
    assert memory.complete("b", senders[2])
    memory.add("b", senders[3], 1)
    assert not memory.complete("b", senders[3])
    memory.release("b", senders[3])
    memory.release("a", senders[0])
    assert memory.add_complete("b", senders[3], 20)
    assert not any(each.refused for each in senders)
