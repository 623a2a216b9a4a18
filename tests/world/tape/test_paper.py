"""The paper hands: what is tried, sent, filled late, reverted and booked; and the eyes that see no further than now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.errors import FatalError
from keeper.model.gas_units import gas_used
from keeper.model.ledger import NATIVE
from keeper.model.memory import OpenSubmission
from keeper.model.observation import Account, Observation
from keeper.model.outcome import Done, Failed, Outcome
from keeper.model.plan import (
    Approve,
    Batch,
    Collect,
    Cost,
    Exit,
    Mint,
    MintRange,
    Plan,
    Step,
    Swap,
    Withdrawal,
)
from keeper.model.price import Price
from keeper.model.swap import TickRangeExceeded
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.decide import decide
from keeper.world.journal.books import Subject
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.queries import ledger_balance
from keeper.world.native_price import NATIVE_TOKEN
from keeper.world.tape.gas_series import ConstantGas, GasPrice
from keeper.world.tape.market import Moment, OwnRange
from keeper.world.tape.paper import PAPER_OWNER, PaperObserver, PaperReconciler, PaperWorld
from keeper.world.tape.paper_account import PaperAccount
from keeper.world.tape.paper_executor import PaperExecutor
from tests.policy.world import observation, settings
from tests.world.tape.still_market import StillMarket

GWEI = 10**9
MONEY = 50_000 * 10**6, 20 * 10**18
NATIVE_WEI = 10**18


class Hands:
    """A paper wallet in a market that stands still, with a real journal."""

    def __init__(self, folder: Path, account: Account = "key", latency_blocks: int = 0) -> None:
        pool = observation().pool
        self.market = StillMarket(pool, Moment(100, 1_800_000_000))
        self.account = PaperAccount(PAPER_OWNER, account, MONEY, NATIVE_WEI)
        price = Price(NATIVE_TOKEN, pool.token0, 2_000 * 10**6, 10**18)
        gas = ConstantGas(GasPrice(20 * GWEI, GWEI), "said")
        self.world = PaperWorld(self.market, self.account, gas, lambda _pool, _time: price, True)
        self.journal: SqlJournal = open_journal(f"sqlite:///{folder}/paper.db", "backtest", durable=False)
        self.executor = PaperExecutor(self.world, self.journal.paper, latency_blocks)
        self.observer = PaperObserver(self.world, (600,), 24)
        subject = Subject("test", 31337, PAPER_OWNER, pool.address, None)
        self.reconciler = PaperReconciler(self.journal.reconciliations, subject, self.account)

    def submit(self, *steps: Step, lifetime_seconds: int = 600) -> Outcome:
        """As a cycle would: decision, plan, submission and end are in the journal."""
        seen = self.observer.observe()
        deadline = seen.block.timestamp + lifetime_seconds
        plan = Plan("rebalance", steps, deadline, 0, 0, Cost(0, 0, 0, 0))
        submission = self._opened(seen, plan)
        return self.journal.close_plan(submission, self.executor.submit(submission, plan))

    def _opened(self, seen: Observation, plan: Plan) -> OpenSubmission:
        from keeper.assembly import build_strategy

        strategy = build_strategy(settings(pool=seen.pool.address))
        decision = replace(decide(strategy, seen, self.journal.memory("test")), plan=plan)
        return self.journal.open_plan(self.journal.record_decision(decision), plan)

    def booked(self) -> dict[str, int]:
        with self.journal.reading() as query:
            return ledger_balance(query, 31337, PAPER_OWNER)

    def require_books(self) -> None:
        pool = self.market.pool
        held = dict(zip((pool.token0.address, pool.token1.address), self.account.balances, strict=True))
        assert self.booked() == {**held, NATIVE: self.account.native_wei}
        self.reconciler.reconcile(self.observer.observe())

    def approval(self, token: int, spender: str, amount: int) -> Approve:
        pool = self.market.pool
        address = (pool.token0, pool.token1)[token].address
        return Approve(address, "router" if spender == "router" else "positions", amount)

    def swap(self, amount_in: int = 10**9, least: int = 0) -> Swap:
        return Swap(True, amount_in, least, 0, sqrt_price_at_tick(self.market.pool.tick - 3_000))

    def mint(self, least_0: int = 0) -> tuple[Step, ...]:
        middle = self.market.pool.tick // 10 * 10
        wanted = MintRange(middle - 500, middle + 500, 10**10, 5 * 10**18, least_0, 0, 1_000_000)
        return self.approval(0, "positions", 10**10), self.approval(1, "positions", 5 * 10**18), Mint((wanted,), 0, 0)


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    made = Hands(tmp_path)
    yield made
    made.journal.close()


def test_each_transaction_takes_its_block_and_its_gas(hands: Hands) -> None:
    outcome = hands.submit(hands.approval(0, "router", 10**9), hands.swap())
    assert isinstance(outcome, Done)
    assert hands.market.now.block_number == 102
    paid = [-each.amount for each in outcome.effects.entries if each.kind == "gas"]
    steps = (hands.approval(0, "router", 10**9), hands.swap())
    assert paid == [gas_used(step, "key") * 21 * GWEI for step in steps]
    assert hands.account.native_wei == NATIVE_WEI - sum(paid)
    assert len({each.transaction_hash for each in outcome.effects.entries}) == 2
    hands.require_books()


def test_latency_is_blocks_beyond_the_next(tmp_path: Path) -> None:
    late = Hands(tmp_path, latency_blocks=3)
    late.submit(late.approval(0, "router", 10**9))
    assert late.market.now == Moment(104, 1_800_000_008)


def test_a_fill_is_at_the_price_of_its_block(hands: Hands) -> None:
    """The price moves between the decision and the fill: what stands there by then counts."""
    as_decided = replace(hands.market).swap(True, 10**9, hands.swap().sqrt_price_limit_x96)
    pool = hands.market.pool
    moved = replace(pool, sqrt_price_x96=sqrt_price_at_tick(pool.tick + 40), tick=pool.tick + 40)
    hands.market.moves[102] = moved
    expected = StillMarket(moved, Moment(0, 0)).swap(True, 10**9, hands.swap().sqrt_price_limit_x96)
    outcome = hands.submit(hands.approval(0, "router", 10**9), hands.swap())
    assert isinstance(outcome, Done)
    bought = sum(each.amount for each in outcome.effects.entries if each.kind == "swap" and each.amount > 0)
    assert bought == -expected.amount1 != -as_decided.amount1


def test_what_would_revert_now_is_never_sent(hands: Hands) -> None:
    outcome = hands.submit(hands.approval(0, "router", 10**9), hands.swap(least=10**18))
    assert isinstance(outcome, Failed) and outcome.reason == "swap: would revert: Too little received"
    assert hands.market.now.block_number == 100 and hands.account.native_wei == NATIVE_WEI
    hands.require_books()


def test_what_reverts_when_it_is_mined_has_cost_its_gas(hands: Hands) -> None:
    """The minimum held when it was sent, and no longer by its block: approval and failed swap are both paid."""
    seen = replace(hands.market).swap(True, 10**9, hands.swap().sqrt_price_limit_x96)
    pool = hands.market.pool
    worse = replace(pool, sqrt_price_x96=sqrt_price_at_tick(pool.tick - 80), tick=pool.tick - 80)
    hands.market.moves[102] = worse
    outcome = hands.submit(hands.approval(0, "router", 10**9), hands.swap(least=-seen.amount1))
    assert isinstance(outcome, Failed) and outcome.reason.endswith("reverted: Too little received")
    assert hands.account.balances == MONEY
    units = gas_used(hands.approval(0, "router", 10**9), "key") + gas_used(hands.swap(), "key")
    assert NATIVE_WEI - hands.account.native_wei == units * 21 * GWEI
    hands.require_books()
    failing = hands.journal.memory("test").failing
    assert [(each.act, each.times) for each in failing] == [("swap", 1)]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (lambda at: (at.swap(),), "swap: would revert: STF"),
        (lambda at: (at.approval(0, "router", 10**12), at.swap(10**12)), "swap: would revert: STF"),
        (lambda at: at.mint(least_0=10**10 + 1), "mint: would revert: Price slippage check"),
        (lambda _at: (Collect((9,)),), "collect: would revert: ERC721: operator query for nonexistent token"),
        (lambda _at: (Exit((Withdrawal(9, 1, 0, 0, burn=True),)),), "exit: would revert: ERC721: operator query"),
    ],
)
def test_the_contracts_refusals(hands: Hands, steps, reason: str) -> None:  # type: ignore[no-untyped-def]
    outcome = hands.submit(*steps(hands))
    assert isinstance(outcome, Failed) and outcome.reason.startswith(reason)
    assert hands.account.balances == MONEY


def test_a_swap_stops_at_its_price_limit(hands: Hands) -> None:
    """The router takes no more than the pool asks for; what is left of the allowance stays."""
    near = replace(hands.swap(4 * 10**10), sqrt_price_limit_x96=sqrt_price_at_tick(hands.market.pool.tick - 1))
    outcome = hands.submit(hands.approval(0, "router", 4 * 10**10), near)
    assert isinstance(outcome, Done)
    given = MONEY[0] - hands.account.balances[0]
    assert 0 < given < 4 * 10**10
    assert hands.account.allowances[0, "router"] == 4 * 10**10 - given


def test_an_exit_of_less_than_all_is_not_burned(hands: Hands) -> None:
    hands.submit(*hands.mint())
    (token_id,) = hands.account.token_ids
    held = hands.account.positions[token_id]
    outcome = hands.submit(Exit((Withdrawal(token_id, held.liquidity // 2, 0, 0, burn=True),)))
    assert isinstance(outcome, Failed) and outcome.reason == "exit: would revert: Not cleared"
    hands.market.advance_blocks(1)  # a block has one plan
    outcome = hands.submit(Exit((Withdrawal(token_id, held.liquidity // 2, 0, 0, burn=False),)))
    assert isinstance(outcome, Done) and outcome.effects.burned_token_ids == ()
    hands.require_books()


def test_after_the_deadline_nothing_more_is_sent(tmp_path: Path) -> None:
    """The approvals take longer than the plan lives: the mint stays undone, what was sent is paid."""
    slow = Hands(tmp_path, latency_blocks=20)
    outcome = slow.submit(*slow.mint(), lifetime_seconds=60)
    assert isinstance(outcome, Failed) and outcome.reason == "mint: the plan had expired before it was sent"
    assert slow.account.positions == {} and slow.account.sent == 2
    assert slow.booked()[NATIVE] == slow.account.native_wei < NATIVE_WEI


def test_the_end_of_the_tape_is_no_block_to_be_mined_in(hands: Hands) -> None:
    hands.market.end = Moment(101, 0)
    outcome = hands.submit(*hands.mint())
    assert isinstance(outcome, Failed) and outcome.reason == "approve: the tape ends before it could be mined"


def test_a_batch_happens_whole_or_not_at_all(tmp_path: Path) -> None:
    hands = Hands(tmp_path, "delegated")
    pool = hands.market.pool
    steps = (*hands.mint(least_0=10**9), hands.approval(0, "router", 10**9), hands.swap())
    hands.market.moves[101] = replace(pool, sqrt_price_x96=sqrt_price_at_tick(pool.tick + 900), tick=pool.tick + 900)
    outcome = hands.submit(Batch(steps))  # type: ignore[arg-type]  # singles all
    assert isinstance(outcome, Failed) and outcome.reason.endswith("reverted: Price slippage check")
    assert hands.account.balances == MONEY and hands.account.allowances == {} and hands.market.ranges == {}
    assert hands.booked()[NATIVE] == hands.account.native_wei < NATIVE_WEI


def test_others_pay_for_a_safe(tmp_path: Path) -> None:
    hands = Hands(tmp_path, "safe")
    outcome = hands.submit(Batch((*hands.mint(),)))  # type: ignore[arg-type]  # singles all
    assert isinstance(outcome, Done)
    assert hands.account.native_wei == NATIVE_WEI
    (paid,) = hands.executor.executed
    assert paid.gas_wei == gas_used(Batch((*hands.mint(),)), "safe") * 21 * GWEI  # type: ignore[arg-type]
    hands.require_books()


def test_no_gas_money_no_transaction(hands: Hands) -> None:
    hands.account.native_wei = 10**14
    outcome = hands.submit(hands.approval(0, "router", 1))
    assert isinstance(outcome, Failed) and "its gas costs" in outcome.reason
    assert hands.account.native_wei == 10**14


def test_a_market_that_pays_otherwise_stops_everything(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried is what must come of it: else no figure of the run could be believed."""
    hands.submit(*hands.mint())
    (token_id,) = hands.account.token_ids
    monkeypatch.setattr(StillMarket, "take_fees", lambda _self, _key: (1, 0))
    with pytest.raises(FatalError, match="its sums are off"):
        hands.submit(Collect((token_id,)))


def test_a_ledger_that_is_off_by_one_stops_everything(hands: Hands) -> None:
    hands.submit(*hands.mint())
    hands.require_books()
    hands.account.move(0, 1)
    hands.account.revision += 1
    with pytest.raises(FatalError, match=r"0\.000001 AAA \(1 raw\)"):
        hands.reconciler.reconcile(hands.observer.observe())


def test_what_is_seen_is_the_moment_of_the_market(hands: Hands) -> None:
    seen = hands.observer.observe()
    assert hands.observer.observe() is seen  # nothing has happened
    assert (seen.block.number, seen.block.timestamp, seen.block.base_fee_wei) == (100, 1_800_000_000, 20 * GWEI)
    assert seen.gas.native_price.quote_amount(10**18) == 2_000 * 10**6
    assert [each.amount for each in seen.wallet.allowances] == [0, 0, 0, 0]
    hands.submit(*hands.mint())
    hands.market.ranges[1] = replace(hands.market.ranges[1], owed_0=12, owed_1=34)
    hands.account.revision += 1
    (position,) = hands.observer.observe().positions
    assert (position.token_id, position.uncollected_0, position.uncollected_1) == (1, 12, 34)


def test_nfts_are_listed_as_the_contract_lists_them(hands: Hands) -> None:
    """The last one takes the place of one that is burned."""
    for _ in range(3):
        hands.submit(*hands.mint())
        hands.submit(hands.approval(0, "positions", 0), hands.approval(1, "positions", 0))
    first = hands.account.positions[1]
    hands.submit(Exit((Withdrawal(1, first.liquidity, 0, 0, burn=True),)))
    assert hands.account.token_ids == (3, 2) and hands.account.next_token_id == 4
    assert [each.token_id for each in hands.world.positions()] == [3, 2]


def test_fees_that_are_owed_go_with_the_exit(hands: Hands) -> None:
    hands.submit(*hands.mint())
    hands.market.ranges[1] = replace(hands.market.ranges[1], owed_0=7, owed_1=9)
    before = hands.account.balances
    held = hands.account.positions[1]
    outcome = hands.submit(Exit((Withdrawal(1, held.liquidity, 0, 0, burn=True),)))
    assert isinstance(outcome, Done)
    fees = [each.amount for each in outcome.effects.entries if each.kind == "collect"]
    paid = [each.amount for each in outcome.effects.entries if each.kind == "decrease"]
    assert fees == [7, 9]
    assert hands.account.balances == (before[0] + paid[0] + 7, before[1] + paid[1] + 9)
    assert isinstance(hands.market.ranges[1], OwnRange) and hands.market.ranges[1].liquidity == 0
    hands.require_books()


def test_beyond_the_known_ticks_no_swap_is_tried(hands: Hands) -> None:
    pool = hands.market.pool
    known = {"known_lower_tick": pool.tick - 20, "known_upper_tick": pool.tick + 20}
    hands.market.pool = replace(pool, liquidity=pool.liquidity // 10**6, **known)
    outcome = hands.submit(hands.approval(0, "router", 4 * 10**10), hands.swap(4 * 10**10))
    expected = str(TickRangeExceeded(pool.tick - 20, zero_for_one=True))
    assert isinstance(outcome, Failed) and outcome.reason == f"swap: would revert: {expected}"
