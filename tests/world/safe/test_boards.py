"""What goes to a board beside the transaction itself."""

from __future__ import annotations

import json

import pytest

from keeper.world.safe.boards import origin
from keeper.world.safe.service import MOST_ORIGIN_CHARACTERS


@pytest.mark.parametrize("note", ["", "treasury: enter, 39,231.1 USDC, to earn 211.9 USDC over 3 days", "−€" * 300])
@pytest.mark.parametrize("strategy", ["treasury", "a" * 63])
def test_an_origin_says_as_much_as_the_service_takes(strategy: str, note: str) -> None:
    made = origin("1.2.3", strategy, 1_234_567, note)
    assert len(made) <= MOST_ORIGIN_CHARACTERS
    read = json.loads(made)
    assert (read["strategy"], read["decision"]) == (strategy, 1_234_567) and "1.2.3" in read["name"]
    assert note.startswith(read.get("note", ""))
    assert len(note) > 64 or len(strategy) > 60 or read.get("note", "") == note
    assert not note or read["note"]
