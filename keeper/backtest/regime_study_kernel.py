"""The asymmetric rule on hourly closes in machine code: one position, skewed by a stance, hour after hour.

Importing this module imports numba (about a second) and loads or compiles the function: import it only inside the
function that needs it.

The model, all of it:
- A range of total log width 2·c·σ·√horizon between the bounds; the stance lays ``skew`` of it above (positive) or below
  (negative), half when neutral. Worth per unit of liquidity: 2√p − √pa − p/√pb inside, in base or quote alone outside.
- A fee of κ·L·|√p′ − √p|, the move clipped to the range, in the quote token and idle until the next reset.
- LVR of the hour: what the range lost against holding the base tokens of the hour's start.
- A reset at the close of an hour in which the price is outside, or the stance is another than the range was laid for,
  and the cooldown is over: it costs γ of the worth, and s of the worth times the change of the base token's weight.
- The stance of an hour is the caller's: labels must be shifted there so that none acts before it was known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(signature: str) -> Callable[[_Function], _Function]:
    """``numba.njit`` for one signature, cached where a folder can hold the cache."""

    def wrap(function: _Function) -> _Function:
        try:
            return cast(_Function, numba.njit(signature, cache=True, error_model="numpy")(function))
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return cast(_Function, numba.njit(signature, error_model="numpy")(function))

    return wrap


@_compiled("UniTuple(f8,2)(f8,f8,f8)")
def _holdings(root: float, lower_root: float, upper_root: float) -> tuple[float, float]:
    """(base, quote) of one unit of liquidity at a square root of the price."""
    inside = min(max(root, lower_root), upper_root)
    return 1 / inside - 1 / upper_root, inside - lower_root


@_compiled("void(f8[::1],i1[::1],f8[::1],f8[::1],f8[:,::1])")
def simulate(closes: Floats, stances: NDArray[np.int8], sigmas: Floats, model: Floats, out: Floats) -> None:
    """Fills ``out``, a row for each hour: worth, fees, LVR and costs of the hour, whether in range, whether reset.

    ``model``: c·√horizon in years, skew, least and most half width (log), κ, γ, s, cooldown in hours. Starts with one
    unit of the quote token, laid at the first hour without cost. ``stances``: −1, 0, 1.
    """
    width_factor, skew, least, most = model[0], model[1], model[2], model[3]
    kappa, gas, swap, cooldown = model[4], model[5], model[6], model[7]
    worth, idle, liquidity = 1.0, 0.0, 0.0
    lower_root, upper_root, held = 1.0, 1.0, 0
    since = -1
    for hour in range(len(closes)):
        root, cost, fee, lvr, reset = math.sqrt(closes[hour]), 0.0, 0.0, 0.0, 0.0
        if since >= 0:
            old = math.sqrt(closes[hour - 1])
            base, quote = _holdings(old, lower_root, upper_root)
            now_base, now_quote = _holdings(root, lower_root, upper_root)
            lvr = liquidity * (base * closes[hour] + quote - now_base * closes[hour] - now_quote)
            moved = min(max(root, lower_root), upper_root) - min(max(old, lower_root), upper_root)
            fee = kappa * liquidity * abs(moved)
            idle += fee
            worth = liquidity * (now_base * closes[hour] + now_quote) + idle
        outside = root <= lower_root or root >= upper_root
        if since < 0 or ((outside or stances[hour] != held) and hour - since >= cooldown):
            half = min(max(width_factor * sigmas[hour], least), most)
            above = skew if stances[hour] > 0 else (1 - skew if stances[hour] < 0 else 0.5)
            new_lower = root * math.exp(-half * (1 - above))
            new_upper = root * math.exp(half * above)
            base, quote = _holdings(root, new_lower, new_upper)
            unit = base * closes[hour] + quote
            if since >= 0:
                had = liquidity * _holdings(root, lower_root, upper_root)[0] * closes[hour] / worth
                cost = worth * (gas + swap * abs(base * closes[hour] / unit - had))
                reset = 1.0
            worth -= cost
            liquidity, idle = worth / unit, 0.0
            lower_root, upper_root, held, since = new_lower, new_upper, stances[hour], hour
        out[hour, 0], out[hour, 1], out[hour, 2], out[hour, 3] = worth, fee, lvr, cost
        out[hour, 4] = 1.0 if lower_root < root < upper_root else 0.0
        out[hour, 5] = reset
