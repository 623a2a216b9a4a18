"""Where Safe's own Transaction Service stands for each chain: the default of ``safe.service_url``.

Source: Safe's list of supported networks (docs.safe.global, "Smart Account Supported Networks") and the table of its
API Kit. The names are the service's own, not those of EIP-3770 everywhere: Polygon is ``pol`` and not ``matic``.
"""

from __future__ import annotations

from typing import Final

SHORT_NAMES: Final[dict[int, str]] = {
    1: "eth",
    10: "oeth",
    56: "bnb",
    100: "gno",
    130: "unichain",
    137: "pol",
    146: "sonic",
    480: "wc",
    5000: "mantle",
    8453: "base",
    42161: "arb1",
    42220: "celo",
    43114: "avax",
    57073: "ink",
    59144: "linea",
    84532: "basesep",
    534352: "scr",
    11155111: "sep",
}


def service_url(chain_id: int) -> str | None:
    """The service of the chain, without the ``/api/…`` below it; None where Safe runs none that is known here."""
    name = SHORT_NAMES.get(chain_id)
    return None if name is None else f"https://api.safe.global/tx-service/{name}"
