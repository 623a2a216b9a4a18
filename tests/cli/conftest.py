"""A journal with real decisions, and the command line as an operator's shell sees it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keeper.assembly import build_strategy
from keeper.cli import run
from keeper.config_strategies import settings_body
from keeper.policy.decide import decide
from keeper.world.journal.opening import open_journal
from tests.cli.operator import make_lab, make_operator
from tests.cli.shell import Answer, Keeper
from tests.policy.test_decide import IN_RANGE, LEFT_BEHIND, RICH
from tests.policy.world import held, memory, observation, settings

__all__ = ["Answer", "Keeper", "make_lab", "make_operator"]


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Keeper:
    """``keeper("status", "--json")`` in an empty folder. No traceback may ever be seen."""
    monkeypatch.chdir(tmp_path)
    for variable in ("KEEPER_DEBUG", "KEEPER_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)

    def invoke(*arguments: str) -> Answer:
        capfd.readouterr()
        code = run(arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Answer(code, out, err)

    return invoke


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Three decisions of one strategy: enter, rebalance, and one held back."""
    file = tmp_path / "journal.db"
    thinker = build_strategy(settings())
    opened = open_journal(f"sqlite:///{file}", "dry")
    opened.record_settings(thinker.settings_digest, settings_body(thinker.settings))
    for number, (seen, past) in enumerate(
        (
            (observation(balances=RICH), memory()),
            (observation(positions=(LEFT_BEHIND,)), memory(held(LEFT_BEHIND))),
            (observation(positions=(IN_RANGE,)), memory(held(IN_RANGE))),
        )
    ):
        block = replace(seen.block, number=100 + number, hash=f"0x{number:064x}")
        opened.record_decision(decide(thinker, replace(seen, block=block), past))
    opened.close()
    return file
