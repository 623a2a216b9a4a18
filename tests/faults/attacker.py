"""A searcher with endless money beside a keeper at work: moves the pool at any moment, in exact order within a block.

Orders within one block are anvil's own: by fee cap, and by nonce for one sender. What the attack did to whom is
measured at the honest price: the one that stood before it, and to which the attacker brings the pool back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keeper.chainlab.artifacts import node_modules
from keeper.chainlab.calls import GAS_LIMIT, call_data, create, read, transact
from keeper.chainlab.deploy import slot0
from keeper.chainlab.solidity import compile_contract
from keeper.model.decision import Decision
from keeper.model.ledger import Effects
from keeper.model.liquidity import amounts_on_burn
from keeper.model.observation import Observation, Position
from keeper.model.outcome import Done, Outcome
from keeper.model.plan import Step, Swap
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.decide import decide
from keeper.world.journal import queries
from keeper.world.protocols import Call
from tests.faults.attack import Attack, Bounds, Result, value
from tests.policy.desk import NAME, Desk

CONTRACTS = Path(__file__).parent / "contracts"
MONEY = 10**36
FIRST_TIP_WEI, LAST_TIP_WEI = 50 * 10**9, 0
REST_SECONDS, LOOK_SECONDS = 1_900, 1_800
# First bytes of the router's swap and of the manager's mint and decrease: how our act is known among our approvals.
SELECTORS = {"swap": bytes.fromhex("414bf389"), "mint": bytes.fromhex("88316456"), "exit": bytes.fromhex("0c49ccbe")}


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

    @property
    def bounds(self) -> Bounds:
        """What the keeper may lose as things stand."""
        return Bounds(self.honest_x96, self.desk.strategy.settings.limits, self.desk.warm.deployment.fee_pips)

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
            self.bounds.bound(act, attack),
            0 if not isinstance(act, Swap) else self._in_token1(act),
            earned,
            before.wallet.native_wei - after.wallet.native_wei,
            self.money() - purse,
        )

    def _in_token1(self, swap: Swap) -> int:
        return value(swap.amount_in, 0, self.honest_x96) if swap.zero_for_one else swap.amount_in


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
