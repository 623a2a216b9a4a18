"""A searcher with endless money beside a keeper at work: moves the pool at any moment, in exact order within a block.

Orders within one block are anvil's own: by fee cap, and by nonce for one sender. What the attack did to whom is
measured at the honest price: the one that stood before it, and to which the attacker brings the pool back.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from keeper.chainlab.artifacts import node_modules
from keeper.chainlab.calls import GAS_LIMIT, call_data, create, read, transact
from keeper.chainlab.deploy import slot0
from keeper.chainlab.solidity import compile_contract
from keeper.model.decision import Decision
from keeper.model.ledger import Effects
from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.observation import Observation, Position
from keeper.model.outcome import Done, Outcome
from keeper.model.plan import Mint, Step, Swap
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.decide import decide
from keeper.policy.settings import Limits
from keeper.world.journal import queries
from keeper.world.protocols import Call
from tests.policy.desk import NAME, Desk

CONTRACTS = Path(__file__).parent / "contracts"
MONEY = 10**36
Q192 = 1 << 192
BPS, PIPS = 10_000, 1_000_000
FIRST_TIP_WEI, LAST_TIP_WEI = 50 * 10**9, 0
REST_SECONDS, LOOK_SECONDS = 1_900, 1_800
# First bytes of the router's swap and of the manager's mint and decrease: how our act is known among our approvals.
SELECTORS = {"swap": bytes.fromhex("414bf389"), "mint": bytes.fromhex("88316456"), "exit": bytes.fromhex("0c49ccbe")}

Moment = Literal["before_decide", "held", "before_signature", "front_run", "sandwich", "just_in_time"]
MOMENTS: tuple[Moment, ...] = ("before_decide", "held", "before_signature", "front_run", "sandwich", "just_in_time")


@dataclass(frozen=True, slots=True)
class Attack:
    """A push of ``ticks`` away from the honest price, made at a moment; ``held`` keeps it so many seconds first."""

    moment: Moment
    ticks: int
    held_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One attacked cycle. Values are raw units of token1 at the honest price; fees and gas are left out of ``loss``."""

    attack: Attack
    act: str
    outcome: Outcome
    struck: bool
    loss: int
    bound: int
    swapped: int
    fees: int
    gas_wei: int
    attacker_profit: int

    @property
    def ratio(self) -> float:
        """Of what may be lost, how much was."""
        return self.loss / self.bound if self.bound > 0 else 0.0


@dataclass
class Attacker:
    """``honest_x96`` is the pool's price when nobody attacks."""

    desk: Desk
    account: str
    contract: str
    honest_x96: int
    struck: bool = False
    front: str = ""
    results: list[Result] = field(default_factory=list)

    @property
    def _rpc(self) -> Callable[..., Any]:
        return self.desk.warm.anvil.rpc

    @property
    def honest_tick(self) -> int:
        return tick_at_sqrt_price(self.honest_x96)

    def send(self, signature: str, *arguments: Any, tip_wei: int = 10**9, mine: bool = True) -> str:
        """A call of the attacker's contract into the transaction pool, and at once into a block unless told not to."""
        transaction = {
            "from": self.account, "to": self.contract, "data": call_data(signature, *arguments),
            "gas": hex(GAS_LIMIT), "maxPriorityFeePerGas": hex(tip_wei),
            "maxFeePerGas": hex(tip_wei + self._base_fee()),
        }  # fmt: skip
        digest = str(self._rpc("eth_sendTransaction", transaction))
        if mine:
            self.desk.warm.anvil.mine()
            assert self._rpc("eth_getTransactionReceipt", digest)["status"] == "0x1"
        return digest

    def _base_fee(self) -> int:
        """Enough for the next block, and less than any keeper's cap: by their caps anvil puts a block in order."""
        return int(self._rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16) * 9 // 8 + 1

    def rest(self) -> None:
        """The honest price again, for long enough that every mean is that price."""
        self.send("move(uint160)", self.honest_x96)
        self.desk.wait(REST_SECONDS)
        assert slot0(self._rpc, self.desk.warm.deployment.pool)[0] == self.honest_x96

    def honest_move(self, tick: int) -> None:
        """The market itself moves, a little past the tick's own price."""
        low, high = sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1)
        self.honest_x96 = low + (high - low) // 3
        self.rest()

    def money(self) -> int:
        deployment = self.desk.warm.deployment
        held = [read(self._rpc, token, "balanceOf(address)", ("uint256",), self.contract)[0]
                for token in (deployment.token0, deployment.token1)]  # fmt: skip
        return value(held[0], held[1], self.honest_x96)

    def strike(self, attack: Attack) -> Result:
        """One cycle of the keeper under attack, and the honest price again."""
        desk = self.desk
        self.struck, self.front, before, purse = False, "", desk.observe(), self.money()
        real_call = desk.venue.call
        self._prepare(attack)
        decisions_before = _count(desk)
        try:
            outcome = desk.cycle()
        finally:
            desk.node.before = desk.node.after = lambda _name: None
            desk.venue.call = real_call  # type: ignore[method-assign]
        assert _count(desk) == decisions_before + 1
        decision = desk.last_decision()
        after = desk.observe()
        if self.front:
            self._assert_order(attack)
        self.rest()
        result = self._measure(attack, decision, outcome, before, after, purse)
        self.results.append(result)
        return result

    def _prepare(self, attack: Attack) -> None:
        target = sqrt_price_at_tick(self.honest_tick + attack.ticks)
        if attack.moment in ("before_decide", "held"):
            self.send("move(uint160)", target)
            self.struck = True
            left = attack.held_seconds
            while left:  # the keeper looks on, as it would
                self.desk.wait(min(left, LOOK_SECONDS))
                left -= min(left, LOOK_SECONDS)
                self.desk.observe()
        elif attack.moment == "before_signature":
            self._before_signature(target)
        else:
            self._around_ours(attack, target)

    def _before_signature(self, target: int) -> None:
        real_call = self.desk.venue.call

        def call(step: Step, owner: str, deadline_timestamp: int) -> Call:
            if step.kind in SELECTORS and not self.struck:
                self.struck = True
                self.send("move(uint160)", target)
            return real_call(step, owner, deadline_timestamp)

        self.desk.venue.call = call  # type: ignore[method-assign]

    def _around_ours(self, attack: Attack, target: int) -> None:
        spacing = self.desk.warm.deployment.tick_spacing
        middle = self.honest_tick // spacing * spacing
        around = middle - 2 * spacing, middle + 3 * spacing, 10**22

        def before(name: str) -> None:
            if name == "send" and not self.struck and _is_act(self.desk.node.sent[-1]):
                self.struck = True
                if attack.moment == "just_in_time":
                    self.front = self.send("provide(int24,int24,uint128)", *around, tip_wei=FIRST_TIP_WEI, mine=False)
                else:
                    self.front = self.send("move(uint160)", target, tip_wei=FIRST_TIP_WEI, mine=False)

        def after(name: str) -> None:
            if name == "send" and self.struck and _is_act(self.desk.node.sent[-1]):
                if attack.moment == "sandwich":
                    self.send("move(uint160)", self.honest_x96, tip_wei=LAST_TIP_WEI, mine=False)
                elif attack.moment == "just_in_time":
                    self.send("withdraw(int24,int24,uint128)", *around, tip_wei=LAST_TIP_WEI, mine=False)

        self.desk.node.before, self.desk.node.after = before, after

    def _assert_order(self, attack: Attack) -> None:
        """The attack was what it says: ours right behind the front, and where there is a back, right in front of it."""
        number = self._rpc("eth_getTransactionReceipt", self.front)["blockNumber"]
        senders = [each["from"].lower() for each in self._rpc("eth_getBlockByNumber", number, True)["transactions"]]
        ours, theirs = self.desk.owner.lower(), self.account.lower()
        assert senders == ([theirs, ours] if attack.moment == "front_run" else [theirs, ours, theirs])

    def _measure(self, attack: Attack, decision: Decision, outcome: Outcome, before: Observation,
                 after: Observation, purse: int) -> Result:  # fmt: skip
        steps = decision.plan.next_steps
        act = steps[-1] if isinstance(outcome, Done) else None
        effects = outcome.effects if isinstance(outcome, Done) else Effects((), (), ())
        fees = [0, 0]
        for entry in effects.entries:
            if entry.kind == "collect":
                fees[entry.token.lower() != before.pool.token0.address.lower()] += entry.amount
        earned = value(fees[0], fees[1], self.honest_x96)
        loss = wealth(before, self.honest_x96) - wealth(after, self.honest_x96) + earned
        return Result(
            attack,
            "nothing" if act is None else act.kind,
            outcome,
            self.struck,
            loss,
            self.bound(act, attack),
            0 if not isinstance(act, Swap) else self._in_token1(act),
            earned,
            before.wallet.native_wei - after.wallet.native_wei,
            self.money() - purse,
        )

    def _in_token1(self, swap: Swap) -> int:
        return value(swap.amount_in, 0, self.honest_x96) if swap.zero_for_one else swap.amount_in

    def mean_tick(self, attack: Attack, window_seconds: int) -> int:
        """The pool's mean once a push has been held: of the window, so many seconds at the pushed tick."""
        if attack.moment != "held":
            return self.honest_tick
        held = min(attack.held_seconds, window_seconds)
        pushed = tick_at_sqrt_price(sqrt_price_at_tick(self.honest_tick + attack.ticks))
        return (self.honest_tick * (window_seconds - held) + pushed * held) // window_seconds

    def bound(self, act: Step | None, attack: Attack) -> int:
        """The most that one act may lose at the honest price P, from the operator's limits and the attack alone.

        *Nothing done*: nothing.

        *Swap* of x for y: the router pays at least x·(1 − fee)·(1 − slippage) at the price of the mean tick m, so the
        loss is at most x·P − that. Where the mean is honest this is the fee and the slippage (and up to one tick, for
        m is rounded down). A push of d ticks held h seconds of a window w moves m by d·h/w, and the bound with it.

        *Exit*: nothing. With u = √P' where it is made and u* = √P, a position of liquidity L pays out
        L·(u − u*)²/u more at P than it was worth there: whoever pushes the price sells to us below it.

        *Mint*: the same sum the other way: tokens put in at u, worth L·(u − u*)²/u less as a position once the price is
        back. The minimums let u be anywhere in the band of ``max_twap_deviation_ticks`` around m, and L is what the
        amounts offered give there. The loss grows with |u − u*| on each side, so its greatest value is at an edge of
        the band or of the range; the search walks over the band all the same.
        """
        limits = self.desk.strategy.settings.limits
        mean = self.mean_tick(attack, limits.twap_seconds)
        if isinstance(act, Swap):
            return self._swap_bound(act, mean, limits)
        if isinstance(act, Mint):
            unit = 1 + value(1, 0, self.honest_x96)
            return sum(self._mint_bound(act, index, mean, limits) + 2 * unit for index in range(len(act.ranges)))
        # Rounded down at every withdrawal: a raw unit of either token.
        return 0 if act is None else 2 * (1 + value(1, 0, self.honest_x96)) * 3

    def _swap_bound(self, swap: Swap, mean: int, limits: Limits) -> int:
        at_mean = sqrt_price_at_tick(mean) ** 2
        fee_pips = self.desk.warm.deployment.fee_pips
        kept = swap.amount_in * (PIPS - fee_pips) * (BPS - limits.max_slippage_bps)
        if swap.zero_for_one:
            least = kept * at_mean // (Q192 * PIPS * BPS)
            return value(swap.amount_in, 0, self.honest_x96) - least + 1
        least = kept * Q192 // (at_mean * PIPS * BPS)
        return swap.amount_in - value(least, 0, self.honest_x96) + 1

    def _mint_bound(self, mint: Mint, index: int, mean: int, limits: Limits) -> int:
        each, width = mint.ranges[index], limits.max_twap_deviation_ticks
        ends = sqrt_price_at_tick(each.lower_tick), sqrt_price_at_tick(each.upper_tick)
        worst = 0
        for tick in {*range(mean - width, mean + width + 2, max(1, width // 16)), mean + width + 1}:
            root = min(max(sqrt_price_at_tick(tick), ends[0]), ends[1])
            liquidity = liquidity_for_amounts(root, *ends, each.amount_0_desired, each.amount_1_desired)
            put_in = value(*amounts_to_mint(root, *ends, liquidity), self.honest_x96)
            worst = max(worst, put_in - value(*amounts_on_burn(self.honest_x96, *ends, liquidity), self.honest_x96))
        return worst

    def must_hold(self, attack: Attack) -> bool:
        """Whether the calm guards must refuse this push when it is there before the decision."""
        limits, spot = self.desk.strategy.settings.limits, self.honest_tick + attack.ticks
        short = abs(spot - self.mean_tick(attack, limits.twap_seconds))
        long_seconds = limits.long_twap_seconds or limits.twap_seconds
        far = abs(spot - self.mean_tick(attack, long_seconds)) > limits.max_long_twap_deviation_ticks
        return short > limits.max_twap_deviation_ticks or (limits.long_twap_seconds is not None and far)


def value(amount_0: int, amount_1: int, sqrt_price_x96: int) -> int:
    """Raw units of token1."""
    return amount_0 * sqrt_price_x96**2 // Q192 + amount_1


def wealth(seen: Observation, sqrt_price_x96: int) -> int:
    """Wallet and principal of the positions at a price, in raw units of token1; uncollected fees left out."""
    wallet = value(seen.wallet.balance_0, seen.wallet.balance_1, sqrt_price_x96)
    return wallet + sum(_principal(position, sqrt_price_x96) for position in seen.positions)


def _principal(position: Position, sqrt_price_x96: int) -> int:
    ends = sqrt_price_at_tick(position.lower_tick), sqrt_price_at_tick(position.upper_tick)
    return value(*amounts_on_burn(sqrt_price_x96, *ends, position.liquidity), sqrt_price_x96)


def _is_act(raw: bytes) -> bool:
    return any(selector in raw for selector in SELECTORS.values())


def _count(desk: Desk) -> int:
    with desk.journal.reading() as query:
        return len(queries.decision_list(query))


def preview(desk: Desk) -> Decision:
    """What the keeper would decide now; nothing is written."""
    return decide(desk.strategy, desk.observe(), desk.journal.memory(NAME))


def attacker_at(desk: Desk) -> Attacker:
    """A new attacker, with more money than the pool."""
    rpc, deployment = desk.warm.anvil.rpc, desk.warm.deployment
    account = str(rpc("eth_accounts")[6])
    code = compile_contract(
        {"Attacker.sol": CONTRACTS / "Attacker.sol"}, node_modules(), Path(tempfile.gettempdir()) / "keeper-solidity"
    )
    contract = create(rpc, account, code["Attacker"].creation_code, ("address",), deployment.pool)
    for token in (deployment.token0, deployment.token1):
        transact(rpc, deployment.deployer, token, "mint(address,uint256)", contract, MONEY)
    desk.warm.anvil.set_balance(account, 10**24)
    attacker = Attacker(desk, account, contract, slot0(rpc, deployment.pool)[0])
    attacker.rest()
    return attacker


def random_attack(random_numbers: random.Random, limits: Limits, moments: tuple[Moment, ...]) -> Attack:
    """Sizes from a tick to three times the slippage or the band; both directions."""
    moment = random_numbers.choice(moments)
    most = random_numbers.choice(
        [limits.max_slippage_bps, 3 * limits.max_slippage_bps, limits.max_twap_deviation_ticks]
    )
    if moment in ("held", "before_decide"):
        most = random_numbers.choice([most, 2 * limits.max_twap_deviation_ticks])
    ticks = random_numbers.choice([-1, 1]) * random_numbers.randint(1, max(2, most))
    held = random_numbers.choice([12, 60, limits.twap_seconds // 2, limits.twap_seconds, 1_500])
    return Attack(moment, ticks, held if moment == "held" else 0)


def campaign(attacker: Attacker, random_numbers: random.Random, count: int, moments: tuple[Moment, ...]) -> None:
    """``count`` attacks on a keeper that always has something to do: where it rests, the market leaves its range."""
    desk = attacker.desk
    for _ in range(count):
        next_up = preview(desk)
        if next_up.verdict.objections:
            if not any(each.code in ("inside_trigger", "keeps_failing") for each in next_up.verdict.objections):
                raise AssertionError(f"the keeper cannot go on: {next_up.verdict.objections}")
            held = desk.journal.memory(NAME).held
            if held:
                ends = min(each.trigger_lower_tick for each in held), max(each.trigger_upper_tick for each in held)
                away = random_numbers.randint(1, 60)
                attacker.honest_move(random_numbers.choice([ends[0] - away, ends[1] + away]))
            if any(each.code == "keeps_failing" for each in next_up.verdict.objections):
                desk.wait(86_400)
        attack = random_attack(random_numbers, desk.strategy.settings.limits, moments)
        attacker.strike(attack)


def describe(results: list[Result]) -> str:
    """The figures of a campaign, one line."""
    worst = max(results, key=lambda each: each.ratio)
    done = [each for each in results if each.act != "nothing"]
    return (
        f"{len(results)} attacks, {len(done)} acts went through, {len(results) - len(done)} held or reverted; worst "
        f"loss/bound {worst.ratio:.4f} ({worst.act}, {worst.attack.moment}, {worst.attack.ticks} ticks); "
        f"best profit of the attacker {max(each.attacker_profit for each in results)} raw token1 before gas; "
        f"gas of attempts that did nothing {sum(each.gas_wei for each in results if each.act == 'nothing')} wei"
    )
