"""The rule for a proposal's next move, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.world.safe.proposal_state import (
    Count,
    Expire,
    Finish,
    GiveUp,
    Include,
    Known,
    Move,
    Post,
    Seen,
    Terms,
    Wait,
    next_move,
)

POSTED, HASHED = Known(True, 1_000), Known(False, 1_000)
NOW = Seen(head_number=50, head_timestamp=900, final_timestamp=880)
USED = replace(NOW, is_used=True)
TERMS = Terms(confirmations=5)


@pytest.mark.parametrize(
    ("known", "seen", "terms", "move"),
    [
        (HASHED, NOW, TERMS, Post()),
        (POSTED, NOW, TERMS, Count()),
        # The deadline: what counts is a final block, and nothing is asked for after it.
        (POSTED, replace(NOW, head_timestamp=1_000), TERMS, Count()),
        (POSTED, replace(NOW, head_timestamp=1_001), TERMS, Wait),
        (HASHED, replace(NOW, head_timestamp=1_001), TERMS, Wait),
        (POSTED, replace(NOW, head_timestamp=1_100, final_timestamp=1_000), TERMS, Wait),
        (POSTED, replace(NOW, head_timestamp=1_100, final_timestamp=1_001), TERMS, Expire()),
        (HASHED, replace(NOW, head_timestamp=1_100, final_timestamp=1_001), TERMS, Expire()),
        # Taken back.
        (POSTED, NOW, Terms(5, is_withdrawn=True), Expire(is_withdrawn=True)),
        (POSTED, replace(USED, used_by="ours", used_in=50), Terms(5, is_withdrawn=True), Include()),
        # The nonce is used, whatever the clock says.
        (POSTED, USED, TERMS, Wait),
        (POSTED, replace(USED, head_timestamp=1_001, final_timestamp=1_000), TERMS, Wait),
        (POSTED, replace(USED, final_timestamp=1_001), TERMS, Expire()),
        (POSTED, replace(USED, used_by="ours", used_in=50), TERMS, Include()),
        (POSTED, replace(USED, used_by="ours", used_in=47), TERMS, Include()),
        (POSTED, replace(USED, used_by="ours", used_in=46), TERMS, Finish()),
        (HASHED, replace(USED, used_by="ours", used_in=46), TERMS, Finish()),
        (POSTED, replace(USED, used_by="ours", used_in=46, final_timestamp=2_000), TERMS, Finish()),
        (POSTED, replace(USED, used_by="other", used_in=47), TERMS, Wait),
        (POSTED, replace(USED, used_by="other", used_in=46), TERMS, GiveUp("REPLACED")),
        (POSTED, replace(USED, used_by="rejection", used_in=47), TERMS, Wait),
        (POSTED, replace(USED, used_by="rejection", used_in=46), TERMS, GiveUp("REJECTED")),
        (POSTED, replace(USED, used_by="other", used_in=46, final_timestamp=2_000), TERMS, GiveUp("REPLACED")),
        # A single confirmation: the block itself.
        (POSTED, replace(USED, used_by="ours", used_in=50), Terms(1), Finish()),
    ],
)
def test_next_move(known: Known, seen: Seen, terms: Terms, move: Move | type[Wait]) -> None:
    found = next_move(known, seen, terms)
    assert isinstance(found, Wait) if move is Wait else found == move
