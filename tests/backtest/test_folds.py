"""Windows never overlap, and the embargo lies between what is learnt from and what is judged on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.backtest.folds import DAY_SECONDS, hold_out, walk_forward
from keeper.errors import ConfigError


@given(st.integers(0, 2**31), st.integers(30, 400), st.integers(1, 5), st.integers(0, 3))
def test_learning_ends_an_embargo_before_the_judging_begins(begin: int, days: int, folds: int, embargo: int) -> None:
    end, gap = begin + days * DAY_SECONDS, embargo * DAY_SECONDS
    try:
        cut = walk_forward(begin, end, folds, gap)
    except ConfigError:
        assert days / 2 / folds < 2 + embargo + 1
        return
    assert len(cut) == folds
    for fold in cut:
        assert begin == fold.train_from < fold.train_to
        assert fold.train_to + gap == fold.test_from < fold.test_to <= end
    assert all(before.test_to <= after.test_from for before, after in pairwise(cut))


def test_the_last_third_is_kept_back() -> None:
    (fold,) = hold_out(0, 30 * DAY_SECONDS, 3 * DAY_SECONDS)
    assert (fold.train_to, fold.test_from, fold.test_to) == (17 * DAY_SECONDS, 20 * DAY_SECONDS, 30 * DAY_SECONDS)


def test_a_span_that_is_too_short_is_told_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"10\.0 days are too few for 4 out-of-sample windows"):
        walk_forward(0, 10 * DAY_SECONDS, 4, DAY_SECONDS)
