"""A real Uniswap v3 pool in an EVM, and the model of it that the real one is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from keeper.chainlab.artifacts import load_artifact
from keeper.model.ticks import MAX_TICK, MIN_TICK
from tests.evm.domain import TICK_SPACINGS
from tests.evm.harness import SENDER, Words, compiled, new_evm, pack, selector, signed, unpack

FACTORY = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"


@dataclass(frozen=True, slots=True)
class PoolState:
    """What the pool says of itself."""

    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_growth_global_x128: tuple[int, int]
    protocol_fees: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RealChange:
    """The amounts of a swap, mint or burn, and the pool after it."""

    amount0: int
    amount1: int
    after: PoolState


@dataclass(frozen=True, slots=True)
class Poke:
    """A position's and its ticks' fee figures before the pool brought the position up to date, and after."""

    liquidity: int
    inside_last_x128: tuple[int, int]
    tokens_owed: tuple[int, int]
    lower_outside_x128: tuple[int, int]
    upper_outside_x128: tuple[int, int]
    inside_after_x128: tuple[int, int]
    tokens_owed_after: tuple[int, int]


@dataclass(slots=True)
class Book:
    """Liquidity by position and by tick, kept from the mints and burns that the pool accepted."""

    positions: dict[tuple[int, int], int] = field(default_factory=dict)
    gross: dict[int, int] = field(default_factory=dict)
    net: dict[int, int] = field(default_factory=dict)

    def change(self, lower: int, upper: int, liquidity: int) -> None:
        self.positions[lower, upper] = self.positions.get((lower, upper), 0) + liquidity
        for tick, sign in ((lower, 1), (upper, -1)):
            self.gross[tick] = self.gross.get(tick, 0) + liquidity
            self.net[tick] = self.net.get(tick, 0) + sign * liquidity
            if not self.gross[tick]:
                del self.gross[tick], self.net[tick]

    def ticks(self, lower: int = MIN_TICK, upper: int = MAX_TICK) -> tuple[tuple[int, int], ...]:
        """Initialized ticks between two bounds, with their net liquidity, in rising order."""
        return tuple((tick, self.net[tick]) for tick in sorted(self.net) if lower <= tick <= upper)


class RealPool:
    """The pool, made by the real factory from the published bytecode, with a driver that trades on it."""

    def __init__(self, fee_pips: int, sqrt_price_x96: int, fee_protocol: tuple[int, int]) -> None:
        self.fee_pips, self.fee_protocol = fee_pips, fee_protocol
        self.tick_spacing = TICK_SPACINGS[fee_pips]
        self._evm: Any = new_evm()
        factory = self._evm.deploy(SENDER, load_artifact(FACTORY).bytecode)
        self._driver = self._evm.deploy(SENDER, compiled()["PoolDriver"].creation_code)
        tokens = [self._call(self._driver, f"token{index}()")[0] for index in (0, 1)]
        if fee_pips == 100:
            self._call(factory, "enableFeeAmount(uint24,int24)", 100, 1)
        (pool,) = self._call(factory, "createPool(address,address,uint24)", *tokens, fee_pips)
        self._pool_word = pool
        self._pool = f"0x{pool:040x}"
        self._call(self._pool, "initialize(uint160)", sqrt_price_x96)
        if fee_protocol != (0, 0):
            self._call(self._pool, "setFeeProtocol(uint8,uint8)", *fee_protocol)

    def _call(self, to: str, signature: str, *arguments: int) -> Words:
        data = selector(signature) + pack(arguments)
        return unpack(bytes(self._evm.message_call(SENDER, to, calldata=data)))

    def _drive(self, signature: str, *arguments: int) -> Words | None:
        """A call of the driver; None if it reverts. The EVM says so with a RuntimeError that starts with the reason."""
        try:
            return self._call(self._driver, signature, self._pool_word, *arguments)
        except RuntimeError as error:
            if not str(error).startswith(("Revert", "Halt")):
                raise
            return None

    def state(self) -> PoolState:
        words = self._drive("read(address)")
        assert words is not None
        return _state(words)

    def swap(self, zero_for_one: bool, amount_specified: int, limit_x96: int) -> RealChange | None:
        words = self._drive("swap(address,bool,int256,uint160)", zero_for_one, amount_specified, limit_x96)
        return None if words is None else RealChange(signed(words[0]), signed(words[1]), _state(words[2:]))

    def mint(self, lower: int, upper: int, liquidity: int) -> RealChange | None:
        words = self._drive("mint(address,int24,int24,uint128)", lower, upper, liquidity)
        return None if words is None else RealChange(words[0], words[1], _state(words[2:]))

    def burn(self, lower: int, upper: int, liquidity: int) -> RealChange | None:
        words = self._drive("burn(address,int24,int24,uint128)", lower, upper, liquidity)
        return None if words is None else RealChange(words[0], words[1], _state(words[2:]))

    def poke(self, lower: int, upper: int) -> Poke | None:
        words = self._drive("poke(address,int24,int24)", lower, upper)
        if words is None:
            return None
        pairs = [(words[index], words[index + 1]) for index in range(1, 13, 2)]
        return Poke(words[0], *pairs)


def _state(words: Words) -> PoolState:
    price, tick, liquidity, *rest = words
    return PoolState(price, signed(tick), liquidity, (rest[0], rest[1]), (rest[2], rest[3]))
