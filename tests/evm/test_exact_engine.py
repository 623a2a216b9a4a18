"""The exact pool against the real pool's bytecode: every amount, state, tick, position and refusal of a random life."""

from __future__ import annotations

import pytest

from tests.evm.exact_pair import Tally, compare

EVENTS, SHARDS = 3_000, 2
# The soak's million, in parts that can be run apart: `make soak ARGS="-k 'a_million and seed07'"`. About 1 ms an event.
SOAK_EVENTS, SOAK_SEEDS = 50_000, 20


def _assert_agreement(tally: Tally, events: int) -> None:
    """No difference, and what was compared was worth comparing."""
    assert not tally.mismatches, f"{len(tally.mismatches)} differences, first: {tally.mismatches[0]}"
    counts = tally.counts
    assert counts["event"] == events
    assert counts["swap"] > 0.45 * events
    assert counts["crossing"] > 0.5 * events
    assert counts["exact output"] > 0.2 * events
    for what in ("mint", "burn", "poke", "collect", "swap refused", "mint refused", "burn refused", "poke refused"):
        assert counts[what] > 0.005 * events, what
    for what in ("set fee protocol", "collect protocol", "flash", "set fee protocol refused", "flash refused"):
        assert counts[what] > 0.001 * events, what
    assert counts["fees owed"] > 0.02 * events


@pytest.mark.parametrize("shard", range(SHARDS))
def test_exact_pool_equals_the_real_pool(shard: int) -> None:
    _assert_agreement(compare(f"exact {shard}", EVENTS // SHARDS), EVENTS // SHARDS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SOAK_SEEDS), ids=lambda seed: f"seed{seed:02}")
def test_exact_pool_equals_the_real_pool_over_a_million_events(seed: int) -> None:
    _assert_agreement(compare(f"soak {seed}", SOAK_EVENTS), SOAK_EVENTS)
