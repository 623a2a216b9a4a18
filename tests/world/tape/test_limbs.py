"""Wide integers in compiled code against Python's own, over edges and random values."""

from __future__ import annotations

from random import Random

import numba
import numpy as np

from keeper.model import ticks
from keeper.world.tape import exact_math
from keeper.world.tape.events import limbs, unsigned
from keeper.world.tape.limbs import as_int, as_word, full_product, leading_zeros, shifted_left, u64, u128, u256, u512
from keeper.world.tape.limbs_division import divide, inverse_of, scaled
from keeper.world.tape.limbs_memory import load_256, store_256

CASES = 20_000
_EDGE_LIMBS = (0, 1, 2, 1 << 63, (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 2)


def _number(rng: Random, bits: int) -> int:
    """Edges, powers of two and their neighbours, runs of odd limbs, and numbers of any length."""
    roll = rng.random()
    if roll < 0.2:
        return rng.choice((0, 1, 2, 3, (1 << bits) - 1, (1 << bits) - 2, 1 << (bits - 1), (1 << (bits - 1)) - 1))
    if roll < 0.4:
        return min(max((1 << rng.randrange(bits)) + rng.randrange(-1, 2), 0), (1 << bits) - 1)
    if roll < 0.7:
        return sum(rng.choice((*_EDGE_LIMBS, rng.getrandbits(64))) << at for at in range(0, bits, 64))
    return rng.getrandbits(bits) >> rng.randrange(bits)


@numba.njit
def _operate(a, b, shifts, out):  # type: ignore[no-untyped-def]
    for row in range(len(shifts)):
        x, y, count = load_256(a[row], 0), load_256(b[row], 0), shifts[row]
        product = full_product(x, y)
        results = (
            x + y,
            x - y,
            x * y,
            u256(product >> 256),
            x & y,
            x ^ y,
            x >> 96,
            x << 96,
            shifted_left(x, count),
            u256(u64(x)) + u128(y),
            y if x < y else x,
            u256(1 if x >= y else 0) + (1 if x == y else 0),
            u256(leading_zeros(x)),
            x + (-1),
            u256(1 if as_int(x) == 7 else 0),
        )
        for index in range(len(results)):
            store_256(out[row], 4 * index, results[index])


def _expected(x: int, y: int, count: int) -> tuple[int, ...]:
    low_64, low_128 = (1 << 64) - 1, (1 << 128) - 1
    values = (
        *(x + y, x - y, x * y, x * y >> 256, x & y, x ^ y, x >> 96, x << 96, x << count),
        (x & low_64) + (y & low_128),
        max(x, y),
        (x >= y) + (x == y),
        256 - x.bit_length(),
        x - 1,
        (x & low_64) == 7,
    )
    return tuple(int(value) % (1 << 256) for value in values)


def test_operators_are_those_of_uint256() -> None:
    rng = Random(1)
    rows = [(_number(rng, 256), _number(rng, 256), rng.randrange(128)) for _ in range(CASES)]
    a, b, out = limbs([r[0] for r in rows], 4), limbs([r[1] for r in rows], 4), np.zeros((CASES, 60), dtype=np.uint64)
    _operate(a, b, np.array([r[2] for r in rows]), out)
    for row, found in zip(rows, out, strict=True):
        assert tuple(map(unsigned, found.reshape(-1, 4))) == _expected(*row), row


@numba.njit
def _divide(numbers, divisors, out, inverses, shifts, small):  # type: ignore[no-untyped-def]
    for row in range(len(numbers)):
        number = u512(load_256(numbers[row], 0)) | u512(load_256(numbers[row], 4)) << 256
        quotient, exact = divide(number, load_256(divisors[row], 0))
        store_256(out[row], 0, quotient)
        inverse = u128(inverses[row, 0]) | u128(inverses[row, 1]) << 64
        part, whole = scaled(load_256(numbers[row], 0) >> 21, small[row, 0], small[row, 1], inverse, shifts[row])
        store_256(out[row], 4, part)
        out[row, 8], out[row, 9] = as_word(1 if exact else 0), as_word(1 if whole else 0)


def test_divisions_are_exact() -> None:
    rng = Random(2)
    rows: list[tuple[int, int, int, int]] = []
    while len(rows) < CASES:
        number, divisor = _number(rng, 512), _number(rng, 256)
        if divisor and rng.random() < 0.5:  # beside a multiple of the divisor
            number = divisor * _number(rng, 256) + rng.choice((0, divisor - 1, -1, 1, rng.randrange(divisor)))
        if 0 <= number < 1 << 512 and divisor > number >> 256:
            rows.append((number, divisor, rng.randrange(1_000_000), rng.choice((1, 2, 3, 1_000_000, 999_500))))
    inverses = [inverse_of(row[3]) for row in rows]
    out = np.zeros((CASES, 10), dtype=np.uint64)
    _divide(
        limbs([row[0] for row in rows], 8),
        limbs([row[1] for row in rows], 4),
        out,
        limbs([inverse for inverse, _ in inverses], 2),
        np.array([shift for _, shift in inverses]),
        np.array([row[2:] for row in rows]),
    )
    for (number, divisor, factor, small), found in zip(rows, out, strict=True):
        assert (unsigned(found[:4]), bool(found[8])) == (number // divisor, number % divisor == 0), (number, divisor)
        product = (number % (1 << 256) >> 21) * factor
        assert (unsigned(found[4:8]), bool(found[9])) == (product // small, product % small == 0), (product, small)


@numba.njit
def _prices(ticks_in, prices, ticks_out):  # type: ignore[no-untyped-def]
    for row in range(len(ticks_in)):
        price = exact_math.sqrt_price_at_tick(ticks_in[row])
        store_256(prices[row], 0, price)
        ticks_out[row, 0] = exact_math.tick_at_sqrt_price(price)
        ticks_out[row, 1] = exact_math.tick_at_sqrt_price(price - 1)


def test_ticks_and_prices_are_the_contracts() -> None:
    """Every power of two and its neighbours, both ends, and ticks at random: their prices, and the ticks of those and
    of the prices one below, where a guess would be wrong."""
    rng = Random(3)
    powers = [sign * (1 << bit) + near for bit in range(20) for sign in (-1, 1) for near in (-1, 0, 1)]
    ends = [ticks.MIN_TICK + 1, ticks.MAX_TICK - 1]
    chosen = [*powers, *ends, *(rng.randrange(ticks.MIN_TICK + 1, ticks.MAX_TICK) for _ in range(5_000))]
    prices, found = np.zeros((len(chosen), 4), dtype=np.uint64), np.zeros((len(chosen), 2), dtype=np.int64)
    _prices(np.array(chosen), prices, found)
    for tick, price, pair in zip(chosen, prices, found, strict=True):
        assert unsigned(price) == ticks.sqrt_price_at_tick(tick), tick
        assert tuple(pair) == (tick, tick - 1), tick
