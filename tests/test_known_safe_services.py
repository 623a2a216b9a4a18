"""Where Safe's service stands: for every chain that the keeper knows contracts of, and for no other by guessing."""

from __future__ import annotations

from keeper.known_chains import CONTRACTS
from keeper.known_safe_services import SHORT_NAMES, service_url


def test_every_known_chain_has_its_service() -> None:
    assert {chain_id for chain_id in CONTRACTS if service_url(chain_id) is None} == set()
    assert service_url(42161) == "https://api.safe.global/tx-service/arb1"
    assert service_url(31337) is None


def test_no_two_chains_share_one() -> None:
    assert len(set(SHORT_NAMES.values())) == len(SHORT_NAMES)
