"""The fourteen invariants while everything happens at once, in orders that nobody thought of, on real contracts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.machine import CEILING_WEI, KeeperUnderFire
from tests.faults.site import make_site
from tests.policy.desk import Warm

RUNS, STEPS = int(os.environ.get("KEEPER_MACHINE_RUNS", "200")), 50


def under_fire(traded: Warm, folder: Path, runs: int, steps: int) -> None:
    # Acts leave room below the exit's ceiling, so that a nonce can always be taken back within it.
    limits = {"cooldown_minutes": 0, "max_gas_gwei": 400, "max_exit_gas_gwei": CEILING_WEI // 10**9}
    made = make_site(traded, folder / "site", limits=limits)
    marks = [traded.anvil.snapshot()]

    def renew() -> None:
        traded.anvil.revert(marks.pop())
        marks.append(traded.anvil.snapshot())

    class Machine(KeeperUnderFire):
        pass

    Machine.warm, Machine.site, Machine.renew = traded, made, staticmethod(renew)  # type: ignore[assignment]
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=runs, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )  # fmt: skip
    print(f"{Machine.runs} runs, {Machine.steps} checks of the invariants, 0 violations")  # noqa: T201 - a figure to quote


def test_the_invariants_hold_under_fire(traded: Warm, tmp_path: Path) -> None:
    under_fire(traded, tmp_path, runs=4, steps=25)


@pytest.mark.soak
def test_the_invariants_hold_under_long_fire(traded: Warm, tmp_path: Path) -> None:
    under_fire(traded, tmp_path, runs=RUNS, steps=STEPS)
