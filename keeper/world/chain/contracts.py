"""The addresses of a chain's contracts that the keeper talks to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keeper.world.chain.multicall import MULTICALL3

RouterKind = Literal["router", "router02"]


@dataclass(frozen=True, slots=True)
class Contracts:
    """``router02`` is SwapRouter02, whose structs carry no deadline; ``wrapped_native`` the chain's WETH, if known."""

    factory: str
    positions: str
    router: str
    multicall: str = MULTICALL3
    wrapped_native: str | None = None
    router_kind: RouterKind = "router"
