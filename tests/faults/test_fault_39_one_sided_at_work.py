"""Row 39: one-sided money, no swaps, either quote: from entry to exit through policy and rehearsal, as in earnest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keeper.model.outcome import Done, Held
from tests.faults.at_work import at_work
from tests.policy.desk import NAME, Warm

NO_SWAPS = {"swap": {"route": "none"}}


SIDES: list[tuple[tuple[int, int], dict[str, Any]]] = [
    ((1, 0), NO_SWAPS), ((0, 1), NO_SWAPS), ((1, 1), NO_SWAPS), ((1, 0), {}), ((0, 1), {"quote_value": 40}),
]  # fmt: skip
USUAL = ((0, True), (4, False))
CASES = [
    pytest.param(*SIDES[at], base_is_quote, marks=() if (at, base_is_quote) in USUAL else pytest.mark.soak)
    for at in range(len(SIDES))
    for base_is_quote in (False, True)
]


@pytest.mark.parametrize(("split", "changes", "base_is_quote"), CASES)
def test_39_whatever_side_the_money_is_on_it_gets_in_and_out(
    warm: Warm, tmp_path: Path, split: tuple[int, int], changes: dict[str, Any], base_is_quote: bool
) -> None:
    fleet, _daemon = at_work(warm, tmp_path / "desk", base_is_quote=base_is_quote, split=split, **changes)
    for _ in range(6):
        outcome = fleet.cycle()
        if not isinstance(outcome, Done):
            break
    assert isinstance(outcome, Held), outcome
    held = fleet.desk.observe().positions
    assert len(held) == (2 if split == (1, 1) and changes else 1)
    fleet.desk.journal.set_state(NAME, "exiting", "out", 0)
    for _ in range(4):
        outcome = fleet.cycle()
        if not isinstance(outcome, Done):
            break
    assert isinstance(outcome, Held) and not fleet.desk.observe().positions
    assert set(fleet.desk.difference().values()) == {0}
