"""What each step may do to the owner's balances, at its bounds and one unit beyond."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.plan import (
    Addition,
    Approve,
    Batch,
    Collect,
    Exit,
    Increase,
    Mint,
    MintRange,
    Step,
    Swap,
    Withdrawal,
)
from keeper.world.chain.deltas import Deltas, complaint

NOTHING = Deltas(0, 0, 0, 0)
TOKEN = "0x" + "11" * 20
RANGES = MintRange(-10, 10, 100, 200, 90, 0, 500_000), MintRange(-20, 20, 10, 20, 9, 18, 500_000)
MINT = Mint(RANGES, -20, 20)
EXIT = Exit((Withdrawal(7, 5, 10, 20, True), Withdrawal(8, 5, 1, 2, False)))
SELL, BUY = Swap(True, 100, 50, 55, 0), Swap(False, 100, 50, 55, 0)
LIMITED = replace(SELL, sqrt_price_limit_x96=1 << 96)
INCREASE = Increase((Addition(7, 100, 200, 90, 0), Addition(8, 10, 20, 9, 18)))
APPROVE = Approve(TOKEN, "router", 9)

# Takes 11 and 22 at least out, gives 100 of token0 for 50 of token1 at least, puts up to 110 and 220 in.
BATCH = Batch((EXIT, APPROVE, SELL, MINT, replace(APPROVE, amount=0)))


def moved(
    amount_0: int = 0, amount_1: int = 0, *, positions: int = 0, native: int = 0, allowance: int | None = None
) -> Deltas:
    return Deltas(amount_0, amount_1, native, positions, allowance)


@pytest.mark.parametrize(
    ("step", "deltas"),
    [
        (None, NOTHING),
        (None, moved(native=5)),
        (APPROVE, moved(allowance=9)),
        (replace(APPROVE, amount=0), moved(allowance=0)),
        (SELL, moved(-100, 50)),
        (SELL, moved(-100, 10**30)),
        (BUY, moved(50, -100)),
        (LIMITED, moved(-100, 50)),
        (LIMITED, moved(-60, 50)),
        (MINT, moved(-110, -220, positions=2)),
        (MINT, moved(-99, -18, positions=2)),
        (INCREASE, moved(-110, -220)),
        (INCREASE, moved(-99, -18)),
        (EXIT, moved(11, 22, positions=-1)),
        (EXIT, moved(10**30, 10**30, positions=-1)),
        (Collect((7,)), NOTHING),
        (Collect((7,)), moved(1, 2)),
        (BATCH, moved(11 - 100 - 110, 22 + 50 - 220, positions=1)),
        (BATCH, replace(moved(10**30, 10**30, positions=1), left=(0, 0, 0, 0))),
        (Batch((APPROVE, SELL)), moved(-100, 50)),
        (Batch((Collect((7,)), INCREASE)), moved(-110, -220)),
    ],
)
def test_what_a_step_may_do(step: Step | None, deltas: Deltas) -> None:
    assert complaint(step, deltas) is None


@pytest.mark.parametrize(
    ("step", "deltas", "words"),
    [
        (None, moved(-1), "1 of token0 would leave, where no more than 0 may"),
        (None, moved(0, 1), "1 of token1 would come, where none may"),
        (SELL, moved(-100, 50, native=-1), "1 wei of native coin would leave"),
        (SELL, moved(-100, 50, positions=-1), "change by -1, not by +0"),
        (APPROVE, moved(allowance=8), "the allowance would be 8 afterwards, not 9"),
        (APPROVE, moved(allowance=10), "the allowance would be 10 afterwards, not 9"),
        (APPROVE, moved(allowance=None), "the allowance would be None afterwards, not 9"),
        (APPROVE, moved(-1, allowance=9), "1 of token0 would leave"),
        (SELL, moved(-101, 50), "101 of token0 would leave, where no more than 100 may"),
        (SELL, moved(-99, 50), "99 of token0 would leave, where at least 100 must"),
        (SELL, moved(-100, 49), "49 of token1 would come, where at least 50 must"),
        (SELL, moved(-100, -1), "1 of token1 would leave, where no more than 0 may"),
        (BUY, moved(-100, 50), "100 of token0 would leave"),
        (LIMITED, moved(-101, 50), "101 of token0 would leave"),
        (LIMITED, moved(0, 50), "0 of token0 would leave, where at least 1 must"),
        (LIMITED, moved(5, 50), "5 of token0 would come, where none may"),
        (MINT, moved(-111, -220, positions=2), "111 of token0 would leave, where no more than 110 may"),
        (MINT, moved(-98, -220, positions=2), "98 of token0 would leave, where at least 99 must"),
        (MINT, moved(-110, -17, positions=2), "17 of token1 would leave, where at least 18 must"),
        (MINT, moved(-110, 1, positions=2), "1 of token1 would come, where none may"),
        (MINT, moved(-110, -220, positions=1), "change by +1, not by +2"),
        (INCREASE, moved(-110, -221), "221 of token1 would leave"),
        (INCREASE, moved(-110, -220, positions=1), "change by +1, not by +0"),
        (EXIT, moved(10, 22, positions=-1), "10 of token0 would come, where at least 11 must"),
        (EXIT, moved(11, -1, positions=-1), "1 of token1 would leave, where no more than 0 may"),
        (EXIT, moved(11, 22, positions=-2), "change by -2, not by -1"),
        (Collect((7,)), moved(-1), "1 of token0 would leave"),
        (BATCH, moved(11 - 100 - 110 - 1, 0, positions=1), "200 of token0 would leave, where no more than 199 may"),
        (BATCH, moved(0, 22 + 50 - 220 - 1, positions=1), "149 of token1 would leave, where no more than 148 may"),
        (BATCH, moved(0, 0, positions=2), "change by +2, not by +1"),
        (BATCH, replace(moved(positions=1), left=(0, 0, 3, 0)), "an allowance of 3 would be left over"),
        (Batch((APPROVE, SELL)), moved(-99, 50), "99 of token0 would leave, where at least 100 must"),
        (Batch((Collect((7,)), INCREASE)), moved(-98 + 1, -220, native=-1), "1 wei of native coin would leave"),
    ],
)
def test_what_it_may_not(step: Step | None, deltas: Deltas, words: str) -> None:
    found = complaint(step, deltas)
    assert found is not None and words in found
