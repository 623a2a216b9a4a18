"""The recursion of GARCH and GJR in machine code. Importing this loads or compiles it: import it where it is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keeper.policy.renewal_kernel import compiled


@compiled("f8[::1](f8[::1],f8,f8,f8,f8,f8)")
def filtered(
    returns: NDArray[np.float64], omega: float, weight_up: float, weight_down: float, beta: float, variance: float
) -> NDArray[np.float64]:
    """The variance before each return, and last the one of the return to come."""
    path = np.empty(returns.shape[0] + 1)
    path[0] = variance
    for at in range(returns.shape[0]):
        value = returns[at]
        weight = weight_down if value < 0 else weight_up
        variance = omega + weight * value * value + beta * variance
        path[at + 1] = variance
    return path
