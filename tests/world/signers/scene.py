"""Transactions as the keeper makes them, one of each kind, with the rules and the evidence that they pass by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from eth_account import Account

from keeper.assembly_signing import signing_rules
from keeper.model.observation import Observation, Position, Twap
from keeper.model.plan import Addition, Approve, Collect, Exit, Increase, Mint, MintRange, Step, Swap, Withdrawal
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.bounds import TwapBand, bounded_swap, minimums_on_burn, minimums_to_add, twap_band
from keeper.policy.settings import Capital, Limits, StrategySettings
from keeper.world.chain.contracts import Contracts, RouterKind
from keeper.world.signers.decoding import Authorization, Signature
from keeper.world.signers.envelope import delegating_bytes, unsigned_bytes
from keeper.world.signers.evidence import Evidence, Rules, Spent
from keeper.world.v3.calldata import call_for
from keeper.world.v3.identity import PoolIdentity
from tests.world import words

KEY = Account.from_key(b"\7" * 32)
OWNER = str(KEY.address).lower()
ATTACKER = "0x" + "ba" * 20
TOKEN0, TOKEN1 = words.USDC.address, words.WETH.address
ROUTER, POSITIONS = "0x" + "77" * 20, "0x" + "66" * 20
MEAN_TICK = 200_300
NOTHING_SPENT = Spent(0, 0, 0)
POOL = PoolIdentity(words.POOL, words.USDC, words.WETH, 500, 10)
HELD = (
    Position(7, 199_500, 201_000, 10**15, 5_000, 10**12),
    Position(8, 199_000, 200_200, 2 * 10**15, 0, 0),
    Position(9, 200_400, 201_400, 0, 17, 0),
)
SLIPPAGE_BPS = 30


@dataclass(frozen=True, slots=True)
class Case:
    """A transaction that passes."""

    name: str
    rules: Rules
    evidence: Evidence
    transaction: Mapping[str, Any]

    @property
    def unsigned(self) -> bytes:
        """Where it delegates the account, with the key's consent, which a library signs."""
        fields = dict(self.transaction)
        delegate = fields.pop("delegate", None)
        if delegate is None:
            return unsigned_bytes(fields)
        terms = {"chainId": fields["chainId"], "address": delegate, "nonce": fields["nonce"] + 1}
        made = KEY.sign_authorization(terms)
        signature = Signature(made.y_parity, made.r, made.s)
        return delegating_bytes(fields, Authorization(made.chain_id, delegate, made.nonce, signature))


def settings(**limits: Any) -> StrategySettings:
    return StrategySettings(
        name="eth-usdc",
        chain="local",
        pool=words.POOL,
        quote="token0",
        capital=Capital(max_quote=Decimal(100_000)),
        limits=Limits(max_slippage_bps=SLIPPAGE_BPS, **limits),
    )


def contracts(kind: RouterKind = "router") -> Contracts:
    return Contracts("0x" + "55" * 20, POSITIONS, ROUTER, router_kind=kind)


def rules(kind: RouterKind = "router", **limits: Any) -> Rules:
    return signing_rules(31337, contracts(kind), settings(**limits), POOL, OWNER)


def seen() -> Observation:
    made = words.observation(5, positions=HELD, samples=3)
    price = sqrt_price_at_tick(MEAN_TICK + 11)
    return replace(
        made,
        pool=replace(made.pool, sqrt_price_x96=price, tick=MEAN_TICK + 11),
        wallet=replace(made.wallet, owner=OWNER),
        twaps=(Twap(600, MEAN_TICK), Twap(1_800, MEAN_TICK - 20)),
    )


def band() -> TwapBand:
    made = twap_band(seen(), 600, Limits().max_twap_deviation_ticks)
    assert made is not None
    return made


def swap(zero_for_one: bool) -> Swap:
    amount = 1_000 * 10**6 if zero_for_one else 10**18
    paid = 499 * 10**15 if zero_for_one else 1_990 * 10**6
    return bounded_swap(seen(), zero_for_one, amount, paid, band(), SLIPPAGE_BPS)


def minted(lower: int, upper: int, amount_0: int, amount_1: int) -> MintRange:
    least = minimums_to_add(lower, upper, amount_0, amount_1, band())
    return MintRange(lower, upper, amount_0, amount_1, *least, 500_000)


MINT = Mint((minted(199_500, 201_000, 10**9, 10**18), minted(-600, 200_000, 0, 7 * 10**17)), 199_600, 200_900)
EXIT = Exit(tuple(Withdrawal(p.token_id, p.liquidity, *minimums_on_burn(p, p.liquidity, band()), True) for p in HELD))
PARTIAL = Exit((Withdrawal(7, 10**14, *minimums_on_burn(HELD[0], 10**14, band()), False),))
INCREASE = Increase(
    tuple(
        Addition(p.token_id, 10**8, 10**17, *minimums_to_add(p.lower_tick, p.upper_tick, 10**8, 10**17, band()))
        for p in HELD[:2]
    )
)

# Name -> the plan's next steps, and which of them is due.
PLANS: dict[str, tuple[tuple[Step, ...], int]] = {
    "approve nothing": ((Approve(TOKEN0, "positions", 0), Approve(TOKEN1, "router", 0)), 1),
    "approve for a swap": ((Approve(TOKEN0, "router", 1_000 * 10**6), swap(True)), 0),
    "approve for a mint": ((Approve(TOKEN1, "positions", 10**18 + 7 * 10**17), MINT), 0),
    "approve for an increase": ((Approve(TOKEN0, "positions", 2 * 10**8), INCREASE), 0),
    "exit": ((EXIT,), 0),
    "withdraw a part": ((PARTIAL,), 0),
    "collect": ((Collect((7, 9)),), 0),
    "swap token0": ((swap(True),), 0),
    "swap token1": ((swap(False),), 0),
    "mint": ((MINT,), 0),
    "increase": ((INCREASE,), 0),
}


def evidence(steps: tuple[Step, ...], ordinal: int = 0) -> Evidence:
    observed = seen()
    deadline = observed.block.timestamp + 600
    return Evidence(
        strategy="eth-usdc",
        strategy_state="running",
        signer_state="running",
        chain_id=31337,
        owner=OWNER,
        plan_state="open",
        step_state="READY",
        step=steps[ordinal],
        ordinal=ordinal,
        decided_steps=steps,
        deadline_timestamp=deadline,
        decided_deadline_timestamp=deadline,
        observation=observed,
        head_timestamp=observed.block.timestamp + 12,
        cancels=False,
        nonce=None,
        is_settled=False,
        attempts=(),
        lowest_nonce=5,
        own_token_ids=frozenset({7, 8, 9}),
        foreign_token_ids=frozenset({10}),
        spent_hour=NOTHING_SPENT,
        spent_day=NOTHING_SPENT,
    )


def transaction(step: Step, deadline: int, kind: RouterKind = "router", **changes: Any) -> dict[str, Any]:
    """As the sender makes it."""
    call = call_for(contracts(kind), POOL, step, OWNER, deadline)
    return {"type": 2, "chainId": 31337, "nonce": 5, "to": call.to, "data": call.data, "value": call.value_wei,
            "gas": 600_000, "maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 10**8} | changes  # fmt: skip


def case(name: str, kind: RouterKind = "router") -> Case:
    steps, ordinal = PLANS[name]
    known = evidence(steps, ordinal)
    made = transaction(steps[ordinal], known.deadline_timestamp, kind)
    return Case(f"{name} ({kind})", rules(kind), known, made)


def cases() -> list[Case]:
    """One of every kind; swaps through either router."""
    plain = [case(name) for name in PLANS]
    return [*plain, case("swap token0", "router02"), case("swap token1", "router02")]
