"""Selectors against keccak-256, and where in code they count."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from keeper.world.v3 import token_code, token_probe

TABLES = [token_code.REBASES, token_code.COMPUTED_BALANCES, token_code.ISSUER_POWERS]
REBASE = {"rebase()": bytes.fromhex("af14052c")}


@pytest.mark.parametrize("table", TABLES)
def test_selectors_are_those_of_their_signatures(table: dict[str, bytes]) -> None:
    assert {signature: keccak(text=signature)[:4] for signature in table} == table


def test_the_probes_constants() -> None:
    for name in ("probe", "sink", "asker"):
        address = getattr(token_probe, name.upper())
        assert address == "0x" + keccak(text=f"range keeper token check {name}")[:20].hex()
    assert [keccak(text=name) for name in ("ERC777TokensRecipient", "ERC777TokensSender")] == list(token_probe._HOOKS)
    assert keccak(text="setInterfaceImplementer(address,bytes32,address)")[:4] == token_probe._REGISTER
    assert keccak(text="transfer(address,uint256)")[:4] == token_probe._TRANSFER
    assert keccak(text="transferFrom(address,address,uint256)")[:4] == token_probe._TRANSFER_FROM


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("8063af14052c14610042575b", True),  # DUP1 PUSH4 selector EQ: a comparison
        ("63af14052c8114610042575b", True),  # PUSH4 selector DUP2 EQ
        ("63af14052c60e01b81526004", False),  # put in front of a call to somebody else
        ("63af14052c8152", False),
        ("", False),
    ],
)
def test_a_selector_counts_where_it_is_compared(code: str, found: bool) -> None:
    assert bool(token_code.compared_with(bytes.fromhex(code), REBASE)) is found


def test_a_minimal_proxy_is_followed() -> None:
    code = bytes.fromhex("363d3d373d3d3d363d73" + "ab" * 20 + "5af43d82803e903d91602b57fd5bf3")
    assert token_code.minimal_proxy_target(code) == "0x" + "ab" * 20
    assert token_code.minimal_proxy_target(code[1:]) is None


def test_a_fee_cannot_hide_in_rounding() -> None:
    assert [token_probe.amount_to_send(balance) for balance in (2, 40, 100_000, 10**24)] == [2, 10, 10_000, 10**22]
