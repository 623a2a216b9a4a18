"""Sees the wallet's gas money run low while there is still some: below its reserve nothing but exits is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from keeper.model.observation import Observation
from keeper.world.protocols import Observer

RESERVES_LEFT: Final = 2
"""Told of when less than so many times the reserve is left: as much as the reserve itself for acts to come."""
_WEI: Final = 10**18


class GasWatch:
    """Implements ``Observer``: passes on what another one sees, and tells once each time the native coin runs low."""

    def __init__(self, inner: Observer, reserve_wei: int, tell: Callable[[str], object]) -> None:
        self._inner, self._reserve_wei, self._tell = inner, reserve_wei, tell
        self._is_low = False

    def observe(self) -> Observation:
        """As the other's."""
        seen = self._inner.observe()
        held_wei = seen.wallet.native_wei
        was_low, self._is_low = self._is_low, seen.wallet.pays_gas and held_wei < RESERVES_LEFT * self._reserve_wei
        if self._is_low and not was_low:
            self._tell(
                f"{seen.wallet.owner} has {held_wei / _WEI:.6f} of native coin left for gas; below its reserve of "
                f"{self._reserve_wei / _WEI:g} nothing but an exit is done: send it some"
            )
        return seen
