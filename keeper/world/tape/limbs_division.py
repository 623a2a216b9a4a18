"""Division of wide integers for compiled code: 512 by 256 bits, and the contracts' ``mulDiv`` on top of it.

Digits of 64 bits, each found by multiplying with a reciprocal of the divisor's top: Möller and Granlund, "Improved
division by invariant integers" (IEEE Transactions on Computers, 2011), algorithms 2 (reciprocal of one digit), 4 (two
digits by one), 5 (three by two) and 6 (reciprocal of two). The divisor is shifted left until its highest bit is set.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from keeper.world.tape.limbs import as_int, full_product, kept_apart, leading_zeros, shifted_left, u64, u128, u256, u512
from keeper.world.tape.limbs_compiled import inner

_RECIPROCAL_OF_9_BITS: Final = np.array([0x7FD00 // top for top in range(256, 512)], dtype=np.uint64)


@inner
def reciprocal(divisor: int) -> int:
    """``(2**128 - 1) // divisor - 2**64`` of a 64-bit divisor whose highest bit is set (algorithm 2)."""
    v0 = u64(_RECIPROCAL_OF_9_BITS[as_int(divisor >> 55) - 256])
    d40 = (divisor >> 24) + 1
    v1 = (v0 << 11) - (v0 * v0 * d40 >> 40) - 1
    v2 = (v1 << 13) + (v1 * ((u64(1) << 60) - v1 * d40) >> 47)
    odd = divisor & 1
    e = ((v2 >> 1) & (u64(0) - odd)) - v2 * ((divisor >> 1) + odd)
    v3 = u64(full_product(v2, e) >> 65) + (v2 << 31)
    return v3 - u64((full_product(v3, divisor) + divisor) >> 64) - divisor


@inner
def reciprocal_of_two(divisor: int) -> int:
    """The same of the two highest digits, a 128-bit divisor whose highest bit is set (algorithm 6)."""
    high, low = u64(divisor >> 64), u64(divisor)
    v = reciprocal(high)
    p = high * v + low
    if p < low:
        v -= 1
        if p >= high:
            v -= 1
            p -= high
        p -= high
    t = full_product(v, low)
    p += u64(t >> 64)
    if p < u64(t >> 64):
        v -= 1
        if p > high or (p == high and u64(t) >= low):
            v -= 1
    return v


@inner
def two_by_one(high: int, low: int, divisor: int, inverse: int) -> tuple[int, int]:
    """Quotient and remainder of ``high:low`` by a normalised digit greater than ``high`` (algorithm 4)."""
    q = full_product(inverse, high) + (u128(high) << 64 | low)
    digit = u64(q >> 64) + 1
    remainder = low - digit * divisor
    if remainder > u64(q):
        digit -= 1
        remainder += divisor
    if remainder >= divisor:
        digit += 1
        remainder -= divisor
    return digit, remainder


@inner
def three_by_two(high: int, low: int, divisor: int, inverse: int) -> tuple[int, int]:
    """Quotient digit and remainder of ``high:low`` (128 and 64 bits) by 128 normalised bits above ``high`` (5)."""
    q = full_product(inverse, u64(high >> 64)) + high
    digit = u64(q >> 64)
    top = u64(high) - digit * u64(divisor >> 64)
    remainder = (u128(top) << 64 | low) - full_product(u64(divisor), digit) - divisor
    digit += 1
    if u64(remainder >> 64) >= u64(q):
        digit -= 1
        remainder += divisor
    if remainder >= divisor:
        digit += 1
        remainder -= divisor
    return digit, remainder


@inner
def _by_one_digit(number: int, divisor: int) -> tuple[int, bool]:
    shift = leading_zeros(divisor)
    normal = shifted_left(divisor, shift)
    inverse = reciprocal(normal)
    shifted = shifted_left(number, shift)
    rest, low, digits = u64(shifted >> 256), u256(shifted), 4
    if shifted >> 128 == 0:  # digits above the number's own are zero
        low, digits = low << 128, 2
    elif shifted >> 192 == 0:
        low, digits = low << 64, 3
    quotient = u256(0)
    for _ in range(digits):
        digit, rest = two_by_one(rest, u64(low >> 192), normal, inverse)
        quotient, low = quotient << 64 | digit, low << 64
    return quotient, rest == 0


@inner
def _by_two_digits(number: int, divisor: int) -> tuple[int, bool]:
    shift = leading_zeros(divisor)
    normal = shifted_left(divisor, shift)
    inverse = reciprocal_of_two(normal)
    shifted = shifted_left(number, shift)
    rest, low, quotient = u128(shifted >> 256), u256(shifted), u256(0)
    for _ in range(4):
        limb, digit = u64(low >> 192), u64(0)
        if rest >> 64 == 0 and (rest << 64 | limb) < normal:
            rest = rest << 64 | limb
        else:
            digit, rest = three_by_two(rest, limb, normal, inverse)
        quotient, low = quotient << 64 | digit, low << 64
    return quotient, rest == 0


@inner
def _next_digit(rest: int, limb: int, divisor: int, inverse: int) -> tuple[int, int]:
    """One digit of the quotient by four digits: guessed from the two highest, then at most one too large."""
    high = u128(divisor >> 128)
    if u128(rest >> 128) >= high:  # only equal is possible: the guess would not fit in a digit
        digit = u64(0) - 1
        exact = (u512(rest) << 64 | limb) - u512(divisor) * digit
        while exact >> 511 != 0:
            digit -= 1
            exact += divisor
        return digit, u256(exact)
    digit, top = three_by_two(u128(rest >> 128), u64(rest >> 64), high, inverse)
    partial = u256(top) << 128 | u128(rest) << 64 | limb
    below = u256(u128(divisor)) * digit
    if partial < below:
        return digit - 1, partial + divisor - below
    return digit, partial - below


@inner
def _by_four_digits(number: int, divisor: int) -> tuple[int, bool]:
    shift = leading_zeros(divisor)
    normal = shifted_left(divisor, shift)
    inverse = reciprocal_of_two(u128(normal >> 128))
    shifted = shifted_left(number, shift)
    rest, low, quotient = u256(shifted >> 256), u256(shifted), u256(0)
    for _ in range(4):
        limb, digit = u64(low >> 192), u64(0)
        if rest >> 192 == 0 and (rest << 64 | limb) < normal:
            rest = rest << 64 | limb
        else:
            digit, rest = _next_digit(rest, limb, normal, inverse)
        quotient, low = quotient << 64 | digit, low << 64
    return quotient, rest == 0


@inner
def divide(number: int, divisor: int) -> tuple[int, bool]:
    """``number // divisor`` of 512 by 256 bits, and whether nothing remains.

    The caller has made sure that the divisor is above ``number >> 256`` (so not zero): else the quotient would not fit
    in 256 bits, and where that can happen the contract reverts.
    """
    kept_apart()
    if divisor >> 64 == 0:
        return _by_one_digit(number, u64(divisor))
    if divisor >> 128 == 0:
        return _by_two_digits(number, u128(divisor))
    return _by_four_digits(number, divisor)


def inverse_of(divisor: int) -> tuple[int, int]:
    """For :func:`scaled`: ``ceil(2**(128 + shift) / divisor)``, which fits in 128 bits, and the shift. The divisor is
    from 2 to 2**20 (of 1, whose inverse would not fit, zeros: ``scaled`` then divides)."""
    shift = divisor.bit_length() - 2
    return (-(-(1 << 128 + shift) // divisor), shift) if shift >= 0 else (0, 0)


@inner
def scaled(number: int, factor: int, divisor: int, inverse: int, shift: int) -> tuple[int, bool]:
    """``number * factor // divisor`` for factor and divisor of at most 20 bits, and whether nothing remains.

    With M = ceil(2**k / d) and M·d = 2**k + e, e < d, the quotient of x is x·M >> k as long as x·e < 2**k (Granlund and
    Montgomery, "Division by invariant integers using multiplication", 1994). Here k = 128 + shift and
    e < 2**(shift + 2), so x < 2**126 is enough; what is longer is divided.
    """
    product = u512(number) * factor
    if product >> 126 != 0 or inverse == 0:
        return divide(product, u256(divisor))
    short = u128(product)
    quotient = u128(full_product(short, inverse) >> 128) >> shift
    return u256(quotient), quotient * divisor == short


@inner
def mul_div(a: int, b: int, divisor: int) -> int:
    """``FullMath.mulDiv`` of 256-bit numbers; the caller has made sure that the result fits in 256 bits."""
    quotient, _ = divide(full_product(a, b), divisor)
    return quotient


@inner
def mul_div_rounding_up(a: int, b: int, divisor: int) -> int:
    """``FullMath.mulDivRoundingUp``, on the same terms."""
    quotient, exact = divide(full_product(a, b), divisor)
    return quotient if exact else quotient + 1


@inner
def div_rounding_up(a: int, divisor: int) -> int:
    """``UnsafeMath.divRoundingUp`` of 256-bit numbers by a divisor that is not zero."""
    quotient, exact = divide(u512(a), divisor)
    return quotient if exact else quotient + 1
