"""The browser's data-channel engine, as a program of Node.js: one line of JSON for a call, one for its answer."""

import base64
import json
import random
import subprocess
from pathlib import Path
from typing import Any

from ferryman.channel.events import ClientEvent, FrameRejected, OutputReceived, SessionEnded, SessionStarted
from ferryman.channel.key_agreement import DataKeyRequested
from ferryman.channel.streams.window import Window
from ferryman.wire.agent_message import PayloadType
from tests.property.channel.data_channel_world import ClientEngine


class EngineProgram:
    """A running program; it is one engine at a time."""

    def __init__(self, node: str, program: Path) -> None:
        self._process = subprocess.Popen([node, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._serial = 0

    def new_client(self, _source: random.Random, window: Window) -> ClientEngine:
        """Make the program's engine a new one; the earlier one answers no more."""
        self._serial += 1
        return BrowserEngine(self, self._serial, window)

    def ask(self, serial: int, call: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to a call of engine number `serial`; None if another has taken its place."""
        if serial != self._serial:
            return None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(call).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the engine's program has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class BrowserEngine:
    """An engine in an EngineProgram; what it would say next is in the answer to the call before."""

    def __init__(self, program: EngineProgram, serial: int, window: Window) -> None:
        self._program = program
        self._serial = serial
        self._events: list[ClientEvent] = []
        self._timer: float | None = None
        self._capacity = 0
        self._all_acknowledged = True
        self._call("new", 0.0, window={"bytes": window.size, "messages": window.messages})

    @property
    def all_acknowledged(self) -> bool:
        return self._all_acknowledged

    def connection_made(self, now: float) -> None:
        self._call("connectionMade", now)

    def connection_lost(self, now: float) -> None:
        self._call("connectionLost", now)

    def receive(self, frame: bytes, now: float) -> None:
        self._call("receive", now, frame=_text(frame))

    def frames_to_send(self, now: float) -> list[bytes]:
        return self._call("frames", now)

    def next_timer(self) -> float | None:
        return self._timer

    def events(self) -> list[ClientEvent]:
        events, self._events = self._events, []
        return events

    def capacity(self) -> int:
        return self._capacity

    def send(self, payload_type: PayloadType, payload: bytes, now: float) -> None:
        self._call("send", now, payloadType=int(payload_type), payload=_text(payload))

    def acknowledge(self, sequence_number: int, now: float) -> None:
        self._call("acknowledge", now, number=sequence_number)

    def use_data_key(self, data_key: bytes, ciphertext: bytes, now: float) -> None:
        self._call("useDataKey", now, dataKey=_text(data_key), ciphertext=_text(ciphertext))

    def _call(self, name: str, now: float, **arguments: Any) -> list[bytes]:
        answer = self._program.ask(self._serial, {"call": name, "now": now, **arguments})
        if answer is None:
            return []
        self._timer = answer["timer"]
        self._capacity = answer["capacity"]
        self._all_acknowledged = answer["allAcknowledged"]
        self._events += [event for each in answer["events"] if (event := _event(each)) is not None]
        return [base64.b64decode(each) for each in answer["frames"]]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _event(members: dict[str, Any]) -> ClientEvent | None:
    match members["type"]:
        case "OutputReceived":
            payload = base64.b64decode(members["payload"])
            return OutputReceived(members["sequenceNumber"], members["payloadType"], payload)
        case "SessionStarted":
            return SessionStarted(members["sessionType"], None, members["agentVersion"])
        case "DataKeyRequested":
            return DataKeyRequested(members["kmsKeyId"], members["challenge"])
        case "SessionEnded":
            return SessionEnded(members["output"], members["lost"])
        case "FrameRejected":
            return FrameRejected(members["reason"])
    return None
