"""A few inputs for every target in every run of the suite; `make fuzz` tries many more."""

import pytest

from tests.fuzz import engine
from tests.fuzz.registry import TARGETS
from tests.fuzz.regressions import REGRESSIONS
from tests.fuzz.target import Target

INPUTS, COSTLY_INPUTS = 200, 40
BY_NAME = {target.name: target for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_inputs_break_no_rule(target: Target) -> None:
    outcome = engine.run(target, inputs=len(target.seeds) + (COSTLY_INPUTS if target.costly else INPUTS))
    assert not outcome.findings


@pytest.mark.parametrize("name", REGRESSIONS)
def test_earlier_findings_break_no_rule(name: str) -> None:
    assert [engine.verdict(BY_NAME[name], data) for data in REGRESSIONS[name]] == [None] * len(REGRESSIONS[name])


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(TARGETS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_seed_is_within_the_targets_limit(target: Target) -> None:
    assert target.seeds
    assert all(len(seed) <= target.limit for seed in target.seeds)
