"""The exact pool and the real one side by side: the same random life for both, and every difference between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from eth_utils.crypto import keccak

from keeper.chainlab.artifacts import load_artifact, node_modules
from keeper.chainlab.solidity import compile_contract
from keeper.model import liquidity
from keeper.model.full_math import MAX_INT256, MAX_UINT128, MathError, mul_div_rounding_up
from keeper.model.ticks import (
    MAX_SQRT_PRICE_X96,
    MIN_SQRT_PRICE_X96,
    max_liquidity_per_tick,
    max_usable_tick,
    min_usable_tick,
    round_to_spacing,
    sqrt_price_at_tick,
)
from keeper.world.tape.exact import ExactPool
from tests.evm import domain
from tests.evm.harness import CACHE, FOLDER, SENDER, Words, new_evm, pack, selector, signed, unpack
from tests.evm.pool_world import FACTORY

SPACINGS = (1, 1, 2, 10, 60, 60, 200, 7, 887, 16_383)
FEES_PIPS = (100, 500, 500, 3000, 10_000, 0, 1, 999_999)
EVENTS_PER_POOL = 150
PROTOCOL_PARTS = (0, 4, 5, 6, 7, 8, 9, 10)

State = tuple[int, int, int, int, int, int, int]
Answer = tuple[tuple[int, int] | None, State]


@cache
def _driver_code() -> bytes:
    sources = {name: FOLDER / name for name in ("ExactDriver.sol", "PoolDriver.sol")}
    return compile_contract(sources, node_modules(), CACHE)["ExactDriver"].creation_code


def _state(words: Words) -> State:
    return words[0], signed(words[1]), words[2], words[3], words[4], words[5], words[6]


class EvmPool:
    """The pool of the real factory, of any fee and tick spacing. A driver pays for swaps, mints and flashes; other
    owners call in their own name."""

    def __init__(self, fee_pips: int, tick_spacing: int, sqrt_price_x96: int) -> None:
        self._evm: Any = new_evm()
        factory = self._evm.deploy(SENDER, load_artifact(FACTORY).bytecode)
        self.driver = self._evm.deploy(SENDER, _driver_code())
        tokens = [self._call(self.driver, f"token{index}()")[0] for index in (0, 1)]
        if (fee_pips, tick_spacing) not in ((500, 10), (3000, 60), (10_000, 200)):
            self._call(factory, "enableFeeAmount(uint24,int24)", fee_pips, tick_spacing)
        (self._word,) = self._call(factory, "createPool(address,address,uint24)", *tokens, fee_pips)
        self._pool = f"0x{self._word:040x}"
        self._call(self._pool, "initialize(uint160)", sqrt_price_x96)

    def _call(self, to: str, signature: str, *arguments: int, caller: str = SENDER) -> Words:
        data = selector(signature) + pack(arguments)
        return unpack(bytes(self._evm.message_call(caller, to, calldata=data)))

    def state(self) -> State:
        return _state(self._call(self.driver, "read(address)", self._word))

    def drive(self, signature: str, *arguments: int) -> Answer:
        """A call of the pool by the driver: the words of the answer (None: it reverted), and the pool after it."""
        return self.answer(self.send(self.packed(signature, *arguments)))

    def trade_call(self, zero_for_one: bool, amount: int, limit: int) -> bytes:
        """A bare swap by the driver, ready for ``send``; the answer is both amounts."""
        return selector("trade(address,bool,int256,uint160)") + pack((self._word, zero_for_one, amount, limit))

    def packed(self, signature: str, *arguments: int) -> bytes:
        data = selector(signature) + pack(arguments)
        head = selector("perform(address,bytes)") + pack((self._word, 64, len(data)))
        return head + data.ljust(-(-len(data) // 32) * 32, b"\0")

    def send(self, call: bytes) -> bytes:
        return bytes(self._evm.message_call(SENDER, self.driver, calldata=call))

    def answer(self, reply: bytes) -> Answer:
        words = unpack(reply)
        return (words[1], words[2]) if words[0] else None, _state(words[3:])

    def call_as(self, caller: str, signature: str, *arguments: int) -> Answer:
        """The same by an account. The EVM tells of a revert with a RuntimeError that starts with the reason."""
        try:
            words = self._call(self._pool, signature, *arguments, caller=caller)
        except RuntimeError as error:
            if not str(error).startswith(("Revert", "Halt")):
                raise
            return None, self.state()
        return (words[0], words[1]) if len(words) > 1 else (0, 0), self.state()

    def by(self, owner: int, signature: str, *arguments: int) -> Answer:
        account = f"0x{owner:040x}"
        if owner == int(self.driver, 16):
            return self.drive(signature, *arguments)
        return self.call_as(account, signature, *arguments)

    def tick(self, tick: int) -> tuple[int, int, tuple[int, int], bool]:
        words = self._call(self._pool, "ticks(int24)", tick)
        return words[0], signed(words[1]), (words[2], words[3]), bool(words[7])

    def position(self, owner: int, lower: int, upper: int) -> Words:
        packed = owner.to_bytes(20, "big") + b"".join(t.to_bytes(3, "big", signed=True) for t in (lower, upper))
        return self._call(self._pool, "positions(bytes32)", int.from_bytes(keccak(packed), "big"))

    def slot0_fee_protocol(self) -> tuple[int, int]:
        packed = self._call(self._pool, "slot0()")[5]
        return packed % 16, packed >> 4


@dataclass(slots=True)
class Tally:
    """How often each thing happened, and every difference found."""

    counts: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)

    def check(self, what: str, exact: object, real: object, *inputs: object) -> bool:
        if exact != real:
            self.mismatches.append(f"{what}: exact {exact}, real {real}, inputs {inputs}")
        return exact == real


class Pair:
    """One life of both pools; the first difference ends it."""

    def __init__(self, rng: Random, tally: Tally) -> None:
        self.rng, self.tally = rng, tally
        price = domain.valid_sqrt_price(rng) if rng.random() < 0.5 else domain.market_sqrt_price(rng)
        fee_pips, self.spacing = rng.choice(FEES_PIPS), rng.choice(SPACINGS)
        self.spacing = domain.TICK_SPACINGS.get(fee_pips, self.spacing) if fee_pips != 100 else self.spacing
        self.real, self.exact = EvmPool(fee_pips, self.spacing, price), ExactPool(fee_pips, self.spacing)
        tally.check("initialize", self.exact.initialize(price), self.real.state()[1], price)
        self.owners = [0xA11CE, 0xB0B, int(self.real.driver, 16)]
        self.typical_bits = rng.randrange(1, 118)
        self.held: list[tuple[int, int, int]] = []
        self.fine = True

    def live(self, events: int) -> int:
        """So many events, fewer if a difference ends it; how many there were."""
        self.mint()
        for count in range(events):
            roll = self.rng.random()
            if roll < 0.6:
                self.swap()
            elif roll < 0.74:
                self.mint()
            elif roll < 0.88:
                self.burn()
            elif roll < 0.94:
                self.collect()
            elif roll < 0.98:
                self.protocol()
            else:
                self.flash()
            if not self.fine:
                return count + 1
        self.everything()
        return events

    def _check(self, what: str, exact: object, real: object, *inputs: object) -> None:
        self.fine = self.tally.check(what, exact, real, *inputs) and self.fine

    def _state(self) -> State:
        pool = self.exact
        return (
            pool.sqrt_price_x96,
            pool.tick,
            pool.liquidity,
            *pool.fee_growth_global_x128,
            *pool.protocol_fees,
        )

    def _check_tick(self, tick: int) -> None:
        info, real = self.exact.tick_info(tick), self.real.tick(tick)
        mine = (info.liquidity_gross, info.liquidity_net, info.fee_growth_outside_x128, info.liquidity_gross > 0)
        self._check(f"tick {tick}", mine, real)

    def _check_position(self, key: tuple[int, int, int]) -> None:
        info = self.exact.position(*key)
        mine = (info.liquidity, *info.fee_growth_inside_last_x128, *info.tokens_owed)
        self._check(f"position {key}", mine, self.real.position(*key))

    def _both(self, what: str, exact: Any, real: Answer, *inputs: object) -> bool:
        """Amounts and the pool after a call that one of the two may refuse; whether both carried it out."""
        try:
            mine = exact()
        except MathError:
            mine = None
        self._check(what, mine, real[0], *inputs)
        self._check(f"pool after {what}", self._state(), real[1], *inputs)
        self.tally.counts[f"{what} refused" if mine is None else what] += 1
        return mine is not None and self.fine

    def swap(self) -> None:
        zero_for_one, amount, limit = self._random_swap()
        crossed: tuple[int, ...] = ()

        def exact() -> tuple[int, int]:
            nonlocal crossed
            mine = self.exact.swap(zero_for_one, amount, limit)
            crossed = mine.crossed_ticks
            return mine.amount0, mine.amount1

        before = self._state()
        signature = "swap(address,bool,int256,uint160,bytes)"
        words, after = self.real.drive(signature, 0xFEED, zero_for_one, amount, limit, 160, 0)
        real = None if words is None else (signed(words[0]), signed(words[1])), after
        if self._both("swap", exact, real, before, zero_for_one, amount, limit):
            self.tally.counts["crossing"] += len(crossed)
            self.tally.counts["exact output"] += amount < 0
            self.tally.counts["stopped by limit"] += self.exact.sqrt_price_x96 == limit
        for tick in crossed[:4]:
            self._check_tick(tick)

    def mint(self) -> None:
        lower, upper = self._random_range()
        most = max_liquidity_per_tick(self.spacing)
        roll = self.rng.random()
        amount = self.rng.getrandbits(self.typical_bits) + 1
        if roll < 0.08:
            amount = domain.uint(self.rng, 128)
        elif roll < 0.12:
            amount = max(most - self.exact.tick_info(lower).liquidity_gross + self.rng.randrange(-1, 2), 0)
        owner = self.rng.choice(self.owners)
        real = self.real.drive("mint(address,int24,int24,uint128,bytes)", owner, lower, upper, amount, 160, 0)
        if self._both("mint", lambda: self.exact.mint(owner, lower, upper, amount), real, lower, upper, amount):
            self.held.append((owner, lower, upper))
            self._check_tick(lower)
            self._check_tick(upper)
        self._check_position((owner, lower, upper))

    def burn(self) -> None:
        key = self._random_position()
        owner, lower, upper = key
        held = self.exact.position(*key).liquidity
        choices = (0, 0, held, held, held // 2 + 1, held + 1, domain.uint(self.rng, 128) % (held + 1))
        amount = min(self.rng.choice(choices), MAX_UINT128)
        real = self.real.by(owner, "burn(int24,int24,uint128)", lower, upper, amount)
        what = "burn" if amount else "poke"
        if self._both(what, lambda: self.exact.burn(owner, lower, upper, amount), real, key, amount):
            self.tally.counts["fees owed"] += sum(self.exact.position(*key).tokens_owed) > 0
            self._check_tick(lower)
            self._check_tick(upper)
        self._check_position(key)

    def collect(self) -> None:
        key = self._random_position()
        owner, lower, upper = key
        most = [self.rng.choice((MAX_UINT128, MAX_UINT128, domain.uint(self.rng, 128))) for _ in range(2)]
        signature = "collect(address,int24,int24,uint128,uint128)"
        real = self.real.by(owner, signature, 0xFEED, lower, upper, *most)
        self._both("collect", lambda: self.exact.collect(owner, lower, upper, *most), real, key, most)
        self._check_position(key)

    def protocol(self) -> None:
        if self.rng.random() < 0.5:
            parts = [self.rng.choice((*PROTOCOL_PARTS, *PROTOCOL_PARTS, 1, 3, 11)) for _ in range(2)]
            real = self.real.call_as(SENDER, "setFeeProtocol(uint8,uint8)", *parts)
            self._both("set fee protocol", _no_amounts(lambda: self.exact.set_fee_protocol(*parts)), real, parts)
            self._check("fee protocol", self.exact.fee_protocol, self.real.slot0_fee_protocol())
            return
        most = [self.rng.choice((MAX_UINT128, domain.uint(self.rng, 128))) for _ in range(2)]
        real = self.real.call_as(SENDER, "collectProtocol(address,uint128,uint128)", 0xFEED, *most)
        self._both("collect protocol", lambda: self.exact.collect_protocol(*most), real, most)

    def flash(self) -> None:
        rng = self.rng
        lent = [domain.uint(rng, 128) >> rng.randrange(129) for _ in range(2)]
        fees = [mul_div_rounding_up(amount, self.exact.fee_pips, 1_000_000) for amount in lent]
        paid = [max(fee + rng.choice((0, 0, 1, domain.uint(rng, 128), -(rng.random() < 0.2))), 0) for fee in fees]
        signature = "flash(address,uint256,uint256,bytes)"
        real = self.real.drive(signature, int(self.real.driver, 16), *lent, 128, 128, *lent, *paid)
        if real[0] is None and paid >= fees and self.exact.liquidity:
            return  # the pool does not hold what was asked for: it knows its balances, the exact pool does not
        self._both("flash", _no_amounts(lambda: self.exact.flash(*lent, *paid)), real, lent, paid)

    def everything(self) -> None:
        """Every tick and every position there is."""
        for tick in {tick for _, lower, upper in self.held for tick in (lower, upper)}:
            self._check_tick(tick)
        for key in set(self.held):
            self._check_position(key)
        self._check("copy", self.exact.copy().initialized_ticks(), self.exact.initialized_ticks())

    def _random_position(self) -> tuple[int, int, int]:
        if self.held and self.rng.random() < 0.97:
            return self.rng.choice(self.held)
        return self.rng.choice(self.owners), *self._random_range()

    def _random_range(self) -> tuple[int, int]:
        rng, spacing = self.rng, self.spacing
        if rng.random() < 0.03:
            return domain.tick(rng), domain.tick(rng)
        lowest, highest = min_usable_tick(spacing), max_usable_tick(spacing)
        if self.held and rng.random() < 0.3:
            return rng.choice(self.held)[1:]
        if rng.random() < 0.1:
            return lowest, highest
        width = spacing * (1 + (rng.getrandbits(14) >> rng.randrange(15)))
        centre = self.exact.tick + rng.randrange(-2 * width, 2 * width + 1)
        lower = min(max(round_to_spacing(centre - width // 2, spacing), lowest), highest - spacing)
        return lower, min(lower + width, highest)

    def _random_swap(self) -> tuple[bool, int, int]:
        """Mostly toward an initialized tick, about as much as takes the price there; sometimes anything at all."""
        rng, price = self.rng, self.exact.sqrt_price_x96
        target_tick = rng.choice(self.exact.initialized_ticks() or (0,))
        sqrt_target = rng.choice((sqrt_price_at_tick(target_tick), domain.sqrt_price_near(rng, price)))
        zero_for_one = sqrt_target < price if rng.random() < 0.9 else rng.random() < 0.5
        exact_input = rng.random() < 0.5
        delta = liquidity.amount0_delta if zero_for_one == exact_input else liquidity.amount1_delta
        exact = delta(max(sqrt_target, 1), price, self.exact.liquidity, round_up=exact_input)
        amount = domain.amount_near(rng, exact) if rng.random() < 0.85 else domain.amount(rng)
        if amount == 0 and rng.random() < 0.9:
            amount = 1 + domain.amount(rng)
        amount = min(amount, MAX_INT256)
        roll = rng.random()
        if roll < 0.1:
            limit = MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1
        elif roll < 0.95:
            distance = abs(sqrt_target - price) + rng.randrange(-1, 2)
            limit = price + (-distance if zero_for_one else distance)
            limit = min(max(limit, MIN_SQRT_PRICE_X96 + 1), MAX_SQRT_PRICE_X96 - 1)
        else:
            limit = domain.sqrt_price(rng)
        return zero_for_one, amount if exact_input else -amount, limit


def _no_amounts(act: Callable[[], None]) -> Callable[[], tuple[int, int]]:
    def done() -> tuple[int, int]:
        act()
        return 0, 0

    return done


def compare(seed: str, events: int) -> Tally:
    """Pool after pool until so many events were compared."""
    rng, tally, done = Random(seed), Tally(), 0
    while done < events and len(tally.mismatches) < 20:
        done += Pair(rng, tally).live(min(EVENTS_PER_POOL, events - done))
        tally.counts["pool"] += 1
    tally.counts["event"] = done
    return tally
