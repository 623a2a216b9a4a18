"""What a paper wallet gets is what the real contracts pay, to the wei; and the gas it is charged, nearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keeper.chainlab.bare_owners import NO_DEADLINE, BareOwner, bare_owner
from keeper.model.gas_units import gas_used
from keeper.model.ledger import Effects, LedgerEntry, together
from keeper.model.memory import OpenSubmission
from keeper.model.observation import Account, Spender
from keeper.model.outcome import Done
from keeper.model.plan import (
    Addition,
    Approve,
    Batch,
    Collect,
    Cost,
    Exit,
    Increase,
    Mint,
    MintRange,
    Plan,
    SingleStep,
    Step,
    Swap,
    Withdrawal,
)
from keeper.model.price import Price
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.chain.node import HttpNode
from keeper.world.journal.opening import open_journal
from keeper.world.native_price import NATIVE_TOKEN
from keeper.world.tape.gas_series import ConstantGas, GasPrice
from keeper.world.tape.market import Moment, OwnRange
from keeper.world.tape.paper import PaperWorld
from keeper.world.tape.paper_account import PaperAccount, PaperPosition
from keeper.world.tape.paper_executor import PaperExecutor
from keeper.world.v3.state import Reading
from keeper.world.venues.uniswap_v3 import UniswapV3, build
from tests.conftest import Chain
from tests.world.conftest import contracts_of
from tests.world.tape.still_market import StillMarket

RICH = 3_000 * 10**18, 3_000 * 10**18
GAS_TOLERANCE = 0.25  # of one act
SEQUENCE_TOLERANCE = 0.10
NO_GAS = ConstantGas(GasPrice(0, 0), "nothing")


@dataclass
class Twins:
    """One owner on the chain and one on paper, who do the same from the same state."""

    chain: Chain
    venue: UniswapV3
    owner: BareOwner
    folder: Path
    gas: list[tuple[str, int, int]] = field(default_factory=list)

    def reading(self) -> Reading:
        latest = self.chain.anvil.rpc("eth_getBlockByNumber", "latest", False)["hash"]
        return self.venue.reader(self.owner.address, (), tick_window=6_000, account=self.owner.account).read(latest)

    def do(self, *steps: Step) -> Effects:
        """The same steps by both, from the chain's state; what they hold afterwards must be the same."""
        before = self.reading()
        paper, effects = self._on_paper(before, steps)
        caused = []
        for step in steps:
            receipt = self.owner.send(self._calls(step))
            caused.append(self.venue.effects(receipt, self.owner.address, 0))
            units, used = gas_used(step, self.owner.account, self._crossed(before, step)), int(receipt["gasUsed"], 16)
            self.gas.append((step.kind, units, used))
        after = self.reading()
        assert paper.balances == (after.wallet.balance_0, after.wallet.balance_1)
        tokens = self.venue.pool.token0.address, self.venue.pool.token1.address
        assert paper.wallet(tokens).allowances == after.wallet.allowances
        held = [(each.token_id, each.lower_tick, each.upper_tick, each.liquidity) for each in after.positions]
        assert [(p.token_id, p.lower_tick, p.upper_tick, p.liquidity) for p in self._held(paper)] == held
        _require_same_effects(effects, together(caused))
        return effects

    def _calls(self, step: Step):  # type: ignore[no-untyped-def]
        parts = step.steps if isinstance(step, Batch) else (step,)
        return [self.venue.call(each, self.owner.address, NO_DEADLINE) for each in parts]

    def _crossed(self, before: Reading, step: Step) -> int:
        """Initialized ticks that a swap of a single step passes, by the reading before it."""
        if not isinstance(step, Swap):
            return 0
        market = StillMarket(before.pool, Moment(1, 2))
        return len(market.swap(step.zero_for_one, step.amount_in, step.sqrt_price_limit_x96).crossed_ticks)

    def _held(self, paper: PaperAccount) -> list[PaperPosition]:
        return [paper.positions[token_id] for token_id in paper.token_ids]

    def _on_paper(self, seen: Reading, steps: Sequence[Step]) -> tuple[PaperAccount, Effects]:
        market = StillMarket(seen.pool, Moment(100, 1_000))
        wallet = seen.wallet
        tokens = [int(self.venue.pool.token0.address, 16), int(self.venue.pool.token1.address, 16)]
        allowances = {(tokens.index(int(each.token, 16)), each.spender): each.amount for each in wallet.allowances}
        paper = PaperAccount(wallet.owner, wallet.account, (wallet.balance_0, wallet.balance_1), 10**20, allowances)
        for position in seen.positions:
            market.ranges[position.token_id] = OwnRange(
                position.token_id, position.lower_tick, position.upper_tick, position.liquidity,
                position.uncollected_0, position.uncollected_1,
            )  # fmt: skip
            paper.open(PaperPosition(position.token_id, position.token_id, position.lower_tick,
                                     position.upper_tick, position.liquidity))  # fmt: skip
        paper.next_token_id = self._next_token_id()
        price = Price(NATIVE_TOKEN, self.venue.pool.token1, 1, 1)
        world = PaperWorld(market, paper, NO_GAS, lambda _pool, _time: price, False)
        journal = open_journal(f"sqlite:///{self.folder}/paper.db", "backtest", durable=False)
        executor = PaperExecutor(world, journal.paper, 0)
        effects = []
        for step in steps:  # one act is one plan; the fixture is about what each of them pays
            plan = Plan("rebalance", (step,), NO_DEADLINE, 0, 0, Cost(0, 0, 0, 0))
            outcome = executor.submit(OpenSubmission(1, 1, "test", NO_DEADLINE), plan)
            assert isinstance(outcome, Done), outcome
            effects.append(outcome.effects)
        journal.close()
        return paper, together(effects)

    def _next_token_id(self) -> int:
        """The manager's counter has no getter: NFTs are numbered one after the other, burned ones included."""
        slot = self.chain.anvil.rpc("eth_getStorageAt", self.venue.contracts.positions, hex(13), "latest")
        return int(slot, 16) & (1 << 176) - 1


def _require_same_effects(paper: Effects, real: Effects) -> None:
    def plain(entries: Sequence[LedgerEntry]) -> list[tuple[str, int, int, int | None]]:
        """Gas is made up on paper, and log indexes count otherwise; their order is the same."""
        return [(e.kind, int(e.token, 16), e.amount, e.token_id) for e in entries if e.kind != "gas"]

    assert plain(paper.entries) == plain(real.entries)
    assert paper.opened == real.opened
    assert paper.burned_token_ids == real.burned_token_ids


def _twins(chain: Chain, folder: Path, account: Account) -> Twins:
    contracts = contracts_of(chain.deployment)
    venue = build(HttpNode([chain.anvil.url], chain_id=31337), contracts, chain.deployment.pool)
    return Twins(chain, venue, bare_owner(chain.anvil, chain.deployment, venue, account, *RICH), folder)


def _approval(twins: Twins, token: int, spender: Spender, amount: int) -> Approve:
    pool = twins.venue.pool
    return Approve((pool.token0, pool.token1)[token].address, spender, amount)


def _mint(twins: Twins, *halves: int) -> tuple[Step, ...]:
    """Approvals and a mint of one range for each half width, around the price."""
    tick = twins.reading().pool.tick // 10 * 10
    wanted = tuple(MintRange(tick - half, tick + half, 7 * 10**17, 10**9, 0, 0, 0) for half in halves)
    count = len(wanted)
    return (
        _approval(twins, 0, "positions", 7 * 10**17 * count),
        _approval(twins, 1, "positions", 10**9 * count),
        Mint(wanted, 0, 0),
    )


def _whale(twins: Twins) -> None:
    """Somebody else trades there and back, so that fees are owed and the price stands elsewhere."""
    whale = bare_owner(twins.chain.anvil, twins.chain.deployment, twins.venue, "key", 10**24, 10**24)
    tick = twins.reading().pool.tick
    steps: list[SingleStep] = []
    for zero_for_one, far in ((True, tick - 333), (False, tick + 121)):
        steps.append(_approval(twins, 0 if zero_for_one else 1, "router", 10**23))
        steps.append(Swap(zero_for_one, 10**23, 0, 0, sqrt_price_at_tick(far)))
    for step in steps:
        whale.send([twins.venue.call(step, whale.address, NO_DEADLINE)])


def _swap(twins: Twins, zero_for_one: bool, amount_in: int) -> Swap:
    tick = twins.reading().pool.tick
    return Swap(zero_for_one, amount_in, 1, 0, sqrt_price_at_tick(tick + (-500 if zero_for_one else 500)))


def _leave(twins: Twins, part: int = 1) -> Exit:
    positions = twins.reading().positions
    return Exit(tuple(Withdrawal(p.token_id, p.liquidity // part, 0, 0, burn=part == 1) for p in positions))


def _together(steps: Sequence[SingleStep]) -> Batch:
    back = tuple(Approve(each.token, each.spender, 0) for each in steps if isinstance(each, Approve))
    return Batch((*steps, *back))


def test_every_act_pays_what_the_contracts_pay(chain: Chain, tmp_path: Path) -> None:
    """A ladder through its life: minted, traded through, collected, increased, partly and wholly left."""
    twins = _twins(chain, tmp_path, "key")
    twins.do(*_mint(twins, 100, 300, 50))
    _whale(twins)
    twins.do(Collect(tuple(each.token_id for each in twins.reading().positions[:2])))
    twins.do(_approval(twins, 0, "router", 10**18), _swap(twins, True, 10**18))
    more = twins.reading().positions[0]
    twins.do(
        _approval(twins, 0, "positions", 10**17),
        _approval(twins, 1, "positions", 2 * 10**8),
        Increase((Addition(more.token_id, 10**17, 2 * 10**8, 0, 0),)),
    )
    _whale(twins)
    twins.do(_leave(twins, part=3))
    twins.do(_leave(twins))
    twins.do(_approval(twins, 1, "router", 5 * 10**8), _swap(twins, False, 5 * 10**8))
    left = [each for each in twins.reading().wallet.allowances if each.amount]
    twins.do(*(Approve(each.token, each.spender, 0) for each in left))
    assert twins.reading().positions == ()
    _require_gas(twins)


@pytest.mark.parametrize("account", ["delegated", "safe"])
def test_a_batch_pays_what_the_contracts_pay(chain: Chain, tmp_path: Path, account: Account) -> None:
    """The same in one transaction each time, out of an account that delegates, and out of a Safe."""
    twins = _twins(chain, tmp_path, account)
    approve_0, approve_1, mint = _mint(twins, 200)
    twins.do(_together((approve_0, approve_1, mint)))  # type: ignore[arg-type]  # singles all
    _whale(twins)
    fees = tuple(each.token_id for each in twins.reading().positions)
    more = Increase((Addition(fees[0], 10**15, 2 * 10**6, 0, 0),))
    twins.do(
        _together(
            (Collect(fees), _approval(twins, 0, "positions", 10**15), _approval(twins, 1, "positions", 2 * 10**6), more)
        )
    )
    _whale(twins)
    swap = _swap(twins, True, 10**17)
    approve_0, approve_1, mint = _mint(twins, 150)
    twins.do(_together((_leave(twins), _approval(twins, 0, "router", 10**17), swap, approve_0, approve_1, mint)))  # type: ignore[arg-type]
    assert [each.amount for each in twins.reading().wallet.allowances] == [0, 0, 0, 0]
    _require_gas(twins)


def _require_gas(twins: Twins) -> None:
    """Within what ``gas_units`` promises. (An allowance changed from one that is left costs less: plans never do.)"""
    for kind, units, used in twins.gas:
        if kind == "approve" and used < units:
            continue
        assert abs(units - used) <= GAS_TOLERANCE * used, (kind, units, used)
    charged, paid = sum(units for _, units, _ in twins.gas), sum(used for _, _, used in twins.gas)
    assert abs(charged - paid) <= SEQUENCE_TOLERANCE * paid, (charged, paid, twins.gas)
