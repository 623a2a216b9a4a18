"""A made-up but consistent run: a price path, and every amount on it by the exact mathematics of the contracts."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

from keeper.model.decision import Decision, Figure, Forecast, Ladder, Objection, Regime, TargetRange, Verdict
from keeper.model.ledger import NATIVE, EntryKind, LedgerEntry
from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.memory import HeldRange, Memory
from keeper.model.observation import Account, Block, GasState, History, Observation, PoolState, Position, Wallet
from keeper.model.plan import (
    Action,
    Batch,
    Cost,
    Exit,
    Mint,
    MintRange,
    Plan,
    SingleStep,
    Step,
    Swap,
    Withdrawal,
)
from keeper.model.price import Price, Token
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.valuation import value_in_quote
from keeper.report.run import Run
from keeper.world.journal.proposal_queries import ExecutorGas

START = 1_763_164_800  # 2025-11-15 00:00 UTC
HOUR = 3_600
BLOCK_SECONDS = 12
SPACING = 10
FEE_PIPS = 500
Q96 = 1 << 96
ETHER = Token("0x" + "00" * 20, "ETH", 18)
OPEN = 10**18


@dataclass
class Market:
    """The wallet, the pool and the ledger, moved step by step. ``price`` is quote per base, human units."""

    quote_is_token0: bool = True
    symbols: tuple[str, str] = ("USDC", "WETH")
    balance: tuple[int, int] = (6_000 * 10**6, 2 * 10**18)  # (quote, base)
    timestamp: int = START
    block: int = 1_000
    native_wei: int = 10**18
    price: float = 2_000.0
    positions: list[Position] = field(default_factory=list)
    held: list[HeldRange] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    next_id: int = 1
    account: Account = "key"
    executed: list[ExecutorGas] = field(default_factory=list)
    batch: tuple[str, list[SingleStep]] | None = None  # the one transaction that everything goes into, and its steps

    def __post_init__(self) -> None:
        low, high = "0x" + "1a" * 20, "0x" + "2b" * 20
        self.quote = Token(low if self.quote_is_token0 else high, self.symbols[0], 6)
        self.base = Token(high if self.quote_is_token0 else low, self.symbols[1], 18)
        self.wallet = {self.quote.address: self.balance[0], self.base.address: self.balance[1]}
        self._root()
        for token, amount in (*self.wallet.items(), (NATIVE, self.native_wei)):
            self._write("deposit", token, amount, "", self.block, self.timestamp)

    @property
    def tokens(self) -> tuple[Token, Token]:
        return (self.quote, self.base) if self.quote_is_token0 else (self.base, self.quote)

    def _root(self) -> None:
        raw = self.price * 10**self.quote.decimals / 10**self.base.decimals
        raw = 1 / raw if self.quote_is_token0 else raw
        self.sqrt_price_x96 = round(math.sqrt(raw) * Q96)
        self.tick = tick_at_sqrt_price(self.sqrt_price_x96)

    def observe(self) -> Observation:
        token0, token1 = self.tokens
        pool = PoolState(
            "0x" + "44" * 20, token0, token1, FEE_PIPS, SPACING, self.sqrt_price_x96, self.tick, 10**18, 0, 0, 0, 100,
            (), self.tick - 10_000, self.tick + 10_000,
        )  # fmt: skip
        oriented = Price.from_sqrt_price_x96(self.sqrt_price_x96, token0, token1)
        oriented = oriented.invert() if self.quote_is_token0 else oriented
        native = Price(ETHER, self.quote, oriented.numerator, oriented.denominator)
        return Observation(
            block=Block(31337, self.block, f"0x{self.block:064x}", self.timestamp, 10**9),
            pool=pool,
            quote_is_token0=self.quote_is_token0,
            twaps=(),
            positions=tuple(self.positions),
            wallet=Wallet("0x" + "33" * 20, self.wallet[token0.address], self.wallet[token1.address],
                          self.native_wei, (), self.account),
            gas=GasState(10**9, 10**8, native),
            history=History("00" * 32, HOUR, ()),
        )  # fmt: skip

    def move(self, price: float, seconds: int, turnover: float = 1.0) -> None:
        """Time passes, the price moves; positions in range at its start earn the pool's fee on what they traded."""
        old = self.sqrt_price_x96
        was = self.tick
        self.price, self.timestamp = price, self.timestamp + seconds
        self.block += seconds // BLOCK_SECONDS
        self._root()
        new = self.sqrt_price_x96
        rate = FEE_PIPS / 1e6 * turnover
        for index, p in enumerate(self.positions):
            if p.lower_tick <= was < p.upper_tick:
                earned_0 = round(p.liquidity * abs(Q96 / old - Q96 / new) * rate / 2)
                earned_1 = round(p.liquidity * abs(new - old) / Q96 * rate / 2)
                owed = (p.uncollected_0 + earned_0, p.uncollected_1 + earned_1)
                self.positions[index] = replace(p, uncollected_0=owed[0], uncollected_1=owed[1])

    def decide(self, action: Action, step: Step | None, reason: str, code: str | None = None) -> None:
        if self.batch is not None:
            assert step is not None and step.kind != "batch"
            self.batch[1].append(step)
            return
        objections = () if code is None else (Objection(code, reason, (Figure("gain_quote_raw", 1.5e6),)),)
        target = Ladder("sigma", (TargetRange(self.tick - 500, self.tick + 500, 1_000_000),), self.tick - 600,
                        self.tick + 600, "two standard deviations")  # fmt: skip
        observation = self.observe()
        steps = () if step is None else (step,)
        self.decisions.append(
            Decision(
                "demo", "d" * 64, observation,
                Memory("demo", "running", "", tuple(self.held), False, (), None, None),
                Forecast("ewma", 0.62, 0.03, 86_400, 100, None), Regime("neutral", "neutral", 0.0, 0.0, 1.0, 0),
                target, Plan(action, steps, self.timestamp + 600, 10**10, 0, Cost(500_000, 10**6, 0, 0)),
                Verdict(action, reason, objections, (Figure("rho", 1.12),)),
            )
        )  # fmt: skip

    def enter(self, half_width: int = 600, action: Action = "enter") -> None:
        """Swap to about half and half, then mint."""
        self.swap_to_half(action)
        centre = self.tick // SPACING * SPACING
        lower, upper = centre - half_width, centre + half_width
        token0, token1 = self.tokens
        root_low, root_high = sqrt_price_at_tick(lower), sqrt_price_at_tick(upper)
        offered = self.wallet[token0.address], self.wallet[token1.address]
        liquidity = liquidity_for_amounts(self.sqrt_price_x96, root_low, root_high, *offered)
        taken = amounts_to_mint(self.sqrt_price_x96, root_low, root_high, liquidity)
        mint = Mint((MintRange(lower, upper, *offered, 0, 0, 1_000_000),), lower - 120, upper + 120)
        self.decide(action, mint, "the capital is idle and providing pays")
        number, self.next_id = self.next_id, self.next_id + 1
        tx = self._mine(450_000)
        for log, (token, amount) in enumerate(zip(self.tokens, taken, strict=True)):
            self._pay("mint", token.address, -amount, tx, log, number)
        self.positions.append(Position(number, lower, upper, liquidity, 0, 0))
        self.held.append(HeldRange(number, lower, upper, lower - 120, upper + 120, 1_000_000, self.timestamp))

    def swap_to_half(self, action: Action) -> None:
        quote_held = self.wallet[self.quote.address]
        base_worth = self._in_quote(self.wallet[self.base.address])
        excess = (quote_held - base_worth) // 2
        if abs(excess) * 50 < quote_held + base_worth:
            return
        sells_quote = excess > 0
        given, taken = (self.quote, self.base) if sells_quote else (self.base, self.quote)
        per_base = 10**18 * 10**6 // self._in_quote(10**18)
        amount_in = excess if sells_quote else -excess * per_base // 10**6
        fair = excess * per_base // 10**6 if sells_quote else -excess
        zero_for_one = sells_quote == self.quote_is_token0
        self.decide(action, Swap(zero_for_one, amount_in, 0, fair, 1), "the next range needs another mix")
        tx = self._mine(160_000)
        self._pay("swap", given.address, -amount_in, tx, 3, None)
        self._pay("swap", taken.address, fair * (1_000_000 - FEE_PIPS - 150) // 1_000_000, tx, 3, None)

    def leave(self, action: Action = "rebalance", reason: str = "the price left the trigger") -> None:
        out = tuple(Withdrawal(p.token_id, p.liquidity, 0, 0, True) for p in self.positions)
        self.decide(action, Exit(out), reason)
        tx = self._mine(300_000)
        for p in self.positions:
            low, high = sqrt_price_at_tick(p.lower_tick), sqrt_price_at_tick(p.upper_tick)
            principal = amounts_on_burn(self.sqrt_price_x96, low, high, p.liquidity)
            fees = (p.uncollected_0, p.uncollected_1)
            for side, token in enumerate(self.tokens):
                self._pay("decrease", token.address, principal[side], tx, side, p.token_id)
                self._pay("collect", token.address, fees[side], tx, 2 + side, p.token_id)
        self.positions, self.held = [], []

    def rebalance_at_once(self, reason: str = "the price left the trigger") -> None:
        """Leave and enter again in one transaction: one decision, one hash, one block."""
        seen, memory_held = self.observe(), tuple(self.held)
        steps: list[SingleStep] = []
        self.batch = self._mine(900_000), steps
        self.leave()
        self.enter(action="rebalance")
        self.batch = None
        self.decide("rebalance", Batch(tuple(steps)), reason)
        # It was decided before any of it happened.
        memory = replace(self.decisions[-1].memory, held=memory_held)
        self.decisions[-1] = replace(self.decisions[-1], observation=seen, memory=memory)

    def run(self, symbol: str = "demo") -> Run:
        ids = tuple(range(1, len(self.decisions) + 1))
        gas = tuple(self.executed)
        return Run(symbol, tuple(self.decisions), tuple(self.entries), self.observe(), ids, executor_gas=gas)

    def _in_quote(self, base_raw: int) -> int:
        amounts = (0, base_raw) if self.quote_is_token0 else (base_raw, 0)
        return value_in_quote(*amounts, self.sqrt_price_x96, self.quote_is_token0)

    def _mine(self, gas_units: int) -> str:
        if self.batch is not None:
            return self.batch[0]
        self.block, self.timestamp = self.block + 1, self.timestamp + BLOCK_SECONDS
        tx = f"0x{self.block * 7919:064x}"
        wei = gas_units * 11 * 10**8
        if self.account == "safe":
            self.executed.append(ExecutorGas(tx, wei, self.block, self.timestamp))
            return tx
        self.native_wei -= wei
        self._write("gas", NATIVE, -wei, tx, self.block, self.timestamp)
        return tx

    def _pay(self, kind: EntryKind, token: str, amount: int, tx: str, log: int, token_id: int | None) -> None:
        self.wallet[token] += amount
        self.entries.append(LedgerEntry(kind, token, amount, token_id, tx, log, self.block, self.timestamp))

    def _write(self, kind: EntryKind, token: str, amount: int, tx: str, block: int, timestamp: int) -> None:
        self.entries.append(LedgerEntry(kind, token, amount, None, tx, -1, block, timestamp))


def month(
    seed: int = 7,
    hours: int = 720,
    quote_is_token0: bool = True,
    symbols: tuple[str, str] = ("USDC", "WETH"),
    turnover: float = 2.2,
    volatility: float = 0.6,
    account: Account = "key",
) -> Run:
    """Thirty days of hourly decisions around a random walk with a little trend, re-centred whenever it leaves: by
    another account than a key in one transaction."""
    chance = random.Random(seed)
    market = Market(quote_is_token0=quote_is_token0, symbols=symbols, account=account)
    step = volatility / math.sqrt(365 * 24)
    for hour in range(hours):
        if hour < 12:
            market.decide("hold", None, "the pool's fees have not been seen long enough", "no_fee_history")
        elif not market.positions:
            market.enter()
        elif any(not h.trigger_lower_tick <= market.tick < h.trigger_upper_tick for h in market.held):
            if account == "key":
                market.leave()
                market.enter(action="rebalance")
            else:
                market.rebalance_at_once()
        else:
            out = not any(p.lower_tick <= market.tick < p.upper_tick for p in market.positions)
            code, reason = ("cooldown", "the last rebalance was 30 minutes ago") if out else (
                "inside_trigger", "the price is inside the trigger and a better range does not pay over the horizon"
            )  # fmt: skip
            market.decide("rebalance", None, reason, code)
        drift = 0.08 * math.sin(hour / 90) * step
        price = market.price * math.exp(chance.gauss(drift, step))
        market.move(price, START + (hour + 1) * HOUR - market.timestamp, turnover * chance.uniform(2, 8))
    return market.run()
