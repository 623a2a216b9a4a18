"""Owners of every kind carrying out the same plan on the real contracts, with as little between as there can be.

No executor, signer or journal stands here: what the contracts charge for a key's single transactions, for a batch of
the position manager's, for an account that delegates (EIP-7702) and for a Safe of three owners is measured bare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account as Key
from eth_utils.crypto import keccak

from keeper.assembly import build_strategy
from keeper.chainlab.calls import call_data, read, transact
from keeper.chainlab.deploy_account import place_batch_account
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts
from keeper.chainlab.owners import OwnersAtHand
from keeper.model.decision import Decision
from keeper.model.memory import HeldRange, Memory
from keeper.model.observation import Account, Observation
from keeper.model.plan import Batch, Mint, SingleStep, Step, singles
from keeper.model.safe import SafeTx
from keeper.policy.decide import decide
from keeper.policy.settings import StrategySettings
from keeper.world.chain.node import HttpNode
from keeper.world.observer import ChainObserver
from keeper.world.protocols import Call
from keeper.world.safe.multisend import batch_of
from keeper.world.v3.calldata import call_for
from keeper.world.venues.uniswap_v3 import UniswapV3, build
from tests.policy.desk import CHAIN_ID, Warm, Whale
from tests.world.conftest import FAR_DEADLINE, MemorySamples

NATIVE_WEI = 10**20
GAS_LIMIT = 12_000_000
OWNERS = OwnersAtHand.from_seed(11)
KEY = keccak(text="an owner with a key alone")
_CAPITAL_AND_NO_WAITING: dict[str, Any] = {
    "name": "acting",
    "chain": "local",
    "capital": {"max_quote": "100000000"},
    "profit": {"horizon_days": 365, "hurdle": 0, "haircut": 1, "min_fee_history_hours": 2, "max_g_per_year": 100},
    "limits": {"cooldown_minutes": 0},
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A mined transaction: what was done in it, and the gas it used."""

    steps: tuple[SingleStep, ...]
    gas_units: int


@dataclass
class Actor:
    """One owner with one strategy. ``account`` is what it can do in one transaction."""

    warm: Warm
    account: Account
    owner: str
    venue: UniswapV3
    observer: ChainObserver
    settings: StrategySettings
    multisend: str = ""
    held: tuple[HeldRange, ...] = ()
    sent: list[Sent] = field(default_factory=list)

    def observe(self) -> Observation:
        return self.observer.observe()

    def decide(self, *, leaves: bool = False) -> Decision:
        """What the keeper would do now; ``leaves``: its operator has asked for the exit."""
        state, why = ("exiting", "the operator asked") if leaves else ("running", "")
        memory = Memory(self.settings.name, state, why, self.held, False, (), None, None)  # type: ignore[arg-type]
        return decide(build_strategy(self.settings), self.observe(), memory)

    def act(self, *, leaves: bool = False) -> tuple[Decision, list[Sent]]:
        """Decide and carry out all that the decision's next steps are."""
        decision = self.decide(leaves=leaves)
        assert not decision.verdict.objections, decision.verdict
        return decision, self.carry_out(decision.plan.next_steps)

    def carry_out(self, steps: Sequence[Step]) -> list[Sent]:
        """Each step in a transaction of its own; reverts are errors."""
        done = [self._carry_out(step) for step in steps]
        self.sent += done
        for step in singles(steps):
            if isinstance(step, Mint):
                self._remember(step)
        return done

    def _remember(self, mint: Mint) -> None:
        bounds = mint.trigger_lower_tick, mint.trigger_upper_tick
        seen = self.observe()
        self.held = tuple(
            HeldRange(each.token_id, each.lower_tick, each.upper_tick, *bounds, 1_000_000, seen.block.timestamp)
            for each in seen.positions
        )

    def _carry_out(self, step: Step) -> Sent:
        together = isinstance(step, Batch) and self.account != "multicall"
        parts = step.steps if isinstance(step, Batch) and together else (step,)
        calls = [call_for(self.warm.contracts, self.venue.pool, each, self.owner, FAR_DEADLINE) for each in parts]
        return Sent(singles((step,)), int(self.send(calls)["gasUsed"], 16))

    def send(self, calls: Sequence[Call]) -> dict[str, Any]:
        """The calls in one transaction, from whoever sends for this owner; the receipt."""
        rpc = self.warm.anvil.rpc
        if self.account == "safe":
            (nonce,) = read(rpc, self.owner, "nonce()", ("uint256",))
            safe_tx = SafeTx(CHAIN_ID, self.owner.lower(), *batch_of(calls, self.multisend), nonce)
            return OWNERS.confirm_and_execute(rpc, self.owner, safe_tx, rpc("eth_accounts")[3])
        if len(calls) == 1:
            return self._send_as_key(calls[0].to, "0x" + calls[0].data.hex())
        batch = [(each.to, each.value_wei, each.data) for each in calls]
        return self._send_as_key(self.owner, call_data("executeBatch((address,uint256,bytes)[])", batch))

    def _send_as_key(self, to: str, data: str) -> dict[str, Any]:
        rpc = self.warm.anvil.rpc
        nonce = int(rpc("eth_getTransactionCount", self.owner, "latest"), 16)
        transaction: dict[str, Any] = {
            "chainId": CHAIN_ID, "nonce": nonce, "to": to, "value": 0, "data": data, "gas": GAS_LIMIT,
            "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1,
        }  # fmt: skip
        if to == self.owner and rpc("eth_getCode", self.owner, "latest") == "0x":
            what = {"chainId": CHAIN_ID, "address": place_batch_account(rpc), "nonce": nonce + 1}
            transaction["authorizationList"] = [Key.sign_authorization(what, KEY)]
        digest = rpc("eth_sendRawTransaction", Key.sign_transaction(transaction, KEY).raw_transaction.to_0x_hex())
        self.warm.anvil.mine()
        receipt: dict[str, Any] = rpc("eth_getTransactionReceipt", digest)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def ask_for(self, threshold: int) -> None:
        """So many of the Safe's owners have to sign from now on."""
        self.send([Call(self.owner, bytes.fromhex(call_data("changeThreshold(uint256)", threshold)[2:]))])

    @property
    def whale(self) -> Whale:
        return Whale(self.warm, self.venue)

    def earn(self) -> None:
        """Somebody trades to and fro through the range."""
        start = self.whale.tick
        for _ in range(6):
            self.whale.swap(start + 300)
            self.whale.swap(start - 300)
        self.whale.swap(start)
        self.whale.wait(1_000)

    def allowances(self) -> list[int]:
        return [each.amount for each in self.observe().wallet.allowances]


def actor(warm: Warm, account: Account, *, base: int, stable: int, **changes: Any) -> Actor:
    """A new owner that holds ``base`` and ``stable`` raw units. Changes are sections of the strategy."""
    rpc, deployment = warm.anvil.rpc, warm.deployment
    owner, multisend = str(Key.from_key(KEY).address), ""
    if account == "safe":
        multisend = place_safe_contracts(rpc).multi_send_call_only
        owner = create_safe(rpc, OWNERS.addresses, 2, salt_nonce=int(rpc("eth_blockNumber"), 16))
    elif account == "delegated":
        place_batch_account(rpc)
    if account != "safe":
        warm.anvil.set_balance(owner, NATIVE_WEI)
    for token, amount in ((deployment.base, base), (deployment.quote, stable)):
        if amount:
            transact(rpc, deployment.deployer, token, "mint(address,uint256)", owner, amount)
    now = int(rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    warm.anvil.mine(now + 1_900)
    quote_is_token0 = deployment.quote == deployment.token0
    more = {"pool": deployment.pool, "quote": "token0" if quote_is_token0 else "token1"}
    settings = StrategySettings.model_validate(_CAPITAL_AND_NO_WAITING | more | changes)
    samples = MemorySamples()
    for sample in warm.samples:
        samples.add(deployment.pool, CHAIN_ID, sample)
    node = HttpNode([warm.anvil.url], chain_id=CHAIN_ID)
    venue = build(node, warm.contracts, deployment.pool)
    observer = ChainObserver(
        node, venue, owner, samples, chain_id=CHAIN_ID, quote_is_token0=quote_is_token0, account=account,
        twap_windows_seconds=settings.limits.twap_windows_seconds,
    )  # fmt: skip
    return Actor(warm, account, owner, venue, observer, settings, multisend)
