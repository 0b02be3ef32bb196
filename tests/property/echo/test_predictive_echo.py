"""Whatever is typed and whatever a program writes, the screen ends as it would without prediction."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.client.prediction.setting import Prediction
from tests.examples import examples
from tests.property.echo.hosts import Anything, KernelEcho, LineEditor
from tests.property.echo.real_bash import real_bash
from tests.property.echo.world import Host, World

KEYS = st.one_of(
    st.sampled_from([bytes([each]) for each in b"abclspvyq xyz"]),
    st.sampled_from(
        [b"\x7f", b"\r", b"\t", b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x03", b"\x01", b"\xc3\xa5", b"ls", b"\x7f\x7f"]
    ),
    st.binary(min_size=1, max_size=3).filter(lambda data: b"\x04" not in data),
    st.just(b"\x1b[200~pasted text\x1b[201~"),
    st.just(b"pasted " * 12),
)
PAUSES = st.sampled_from([0.0, 0.004, 0.03, 0.12, 0.21, 0.5])
TYPING = st.lists(st.tuples(KEYS, PAUSES), max_size=30)
FREQUENT = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run(world: World, typing: list[tuple[bytes, float]], sizes: list[tuple[int, int]], chance: Random) -> None:
    world.wait(0.3)
    for keys, pause in typing:
        world.type(keys)
        world.wait(pause)
        if sizes and chance.random() < 0.1:
            world.resize(*sizes.pop())
    world.settle()


@FREQUENT
@given(
    host=st.sampled_from(["line editor", "plain prompt", "kernel"]),
    typing=TYPING,
    seed=st.integers(0, 2**32),
    slowest=st.sampled_from([0.0, 0.005, 0.05, 0.3]),
    when=st.sampled_from([Prediction.ALWAYS, Prediction.AUTO]),
)
def test_the_screen_ends_as_without_prediction(
    host: str, typing: list[tuple[bytes, float]], seed: int, slowest: float, when: Prediction
) -> None:
    chance = Random(seed)  # noqa: S311 - not a secret
    hosts: dict[str, Host] = {
        "line editor": LineEditor(24),
        "plain prompt": LineEditor(24, b"$ ", 2),
        "kernel": KernelEcho(),
    }
    run(World(hosts[host], chance, slowest_program=slowest, when=when), typing, [], chance)


@FREQUENT
@given(
    typing=TYPING,
    seed=st.integers(0, 2**32),
    honesty=st.sampled_from([0.2, 0.8, 0.95]),
    sizes=st.lists(st.tuples(st.integers(3, 30), st.integers(2, 8)), max_size=3),
)
def test_a_program_may_write_anything(
    typing: list[tuple[bytes, float]], seed: int, honesty: float, sizes: list[tuple[int, int]]
) -> None:
    chance = Random(seed)  # noqa: S311 - not a secret
    run(World(Anything(chance, honesty), chance), typing, sizes, chance)


SCRIPTS = {
    "editing": [b"echo hello", b"\x7f\x7f", b"\x1b[D\x1b[D", b"xyz", b"\x7f", b"\x01", b"q", b"\x05", b"\r"],
    "history": [b"echo one\r", b"echo two\r", b"\x1b[A", b"\x1b[A", b"abc", b"\x1b[B", b"\r", b"\x12", b"one", b"\r"],
    "completion": [b"ls so", b"\t", b"o", b"\t", b" -l", b"\r"],
    "the margin": [b"echo ", b"0123456789" * 3, b"\x7f" * 12, b"ab", b"\x1b[D" * 8, b"xy", b"\r"],
    "a password": [b"read -s secret\r", b"hunter2", b"\x7f2", b"\r", b"echo ok\r"],
    "interruption": [b"echo abc", b"\x03", b"sleep 9\r", b"typed ahead", b"\x03", b"ls\r"],
    "the whole screen": [b"printf '\\e[?1049h'; read; printf '\\e[?1049l'\r", b"abc", b"\r", b"echo back\r"],
    "paste": [b"\x1b[200~echo a b c\x1b[201~", b"\r", b"clear\r", b"echo x\r"],
    "wide characters": ["echo 漢字".encode(), b"ab", b"\r", "echo æøå".encode(), b"\x7f\x7f", b"\r"],
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("pause", [0.05, 0.25])
def test_a_real_line_editor_is_shown_as_it_is(script: str, pause: float, tmp_path: Path) -> None:
    with real_bash(tmp_path, 24, 8) as bash:
        world = World(bash, Random(1), columns=24, rows=8)  # noqa: S311 - not a secret
        world.wait(0.5)
        for keys in SCRIPTS[script]:
            if keys.startswith(b"\x1b") or pause < 0.1:
                world.type(keys)
                world.wait(pause)
            else:
                world.type_each(keys, pause)
        world.resize(40, 8)
        world.wait(0.5)
        world.type_each(b"echo", pause)
        world.settle()
        drawn = [data for _, data in world.shown_at if b"\x1b[0;4m" in data or b";4m" in data]
        assert drawn or pause < 0.1
