"""Code hashes in one call, proxies of every kind that is known, and the journal that remembers them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from keeper.errors import HaltedError, RpcError
from keeper.world.chain.code_pins import PROXY_SLOTS, CodePins, hashing_code
from keeper.world.chain.node import HttpNode
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.pins import Pin
from tests.conftest import Chain

PROXY, BEACON, BEHIND = ("0x" + each * 20 for each in ("a1", "b2", "c3"))


@pytest.fixture(name="journal")
def make_journal(tmp_path: Path) -> Iterator[SqlJournal]:
    opened = open_journal(f"sqlite:///{tmp_path}/keeper.db", "wallet")
    yield opened
    opened.close()


def pins(chain: Chain, journal: SqlJournal, strategy: str = "eth", **contracts: str) -> CodePins:
    return CodePins(HttpNode([chain.anvil.url]), journal.pins, 31337, strategy, contracts)


def test_the_slots_are_what_they_are_said_to_be() -> None:
    for name in ("implementation", "beacon"):
        assert int(PROXY_SLOTS[name], 16) == int.from_bytes(keccak(text=f"eip1967.proxy.{name}"), "big") - 1
    assert PROXY_SLOTS["zeppelin"][2:] == keccak(text="org.zeppelinos.proxy.implementation").hex()
    assert keccak(text="implementation()")[:4].hex() == "5c60da1b"


def test_hashes_of_all_contracts_in_one_call_even_one_that_begins_with_ef(chain: Chain) -> None:
    number, code = next((n, c) for n in range(2_000) if keccak(c := b"\x60" + n.to_bytes(2, "big"))[0] == 0xEF)
    assert number < 2_000
    chain.anvil.rpc("anvil_setCode", PROXY, "0x" + code.hex())
    addresses = [PROXY, chain.deployment.pool, chain.deployment.token0]
    answer = chain.anvil.rpc("eth_call", {"data": "0x" + hashing_code(addresses).hex()}, "latest")
    codes = [bytes.fromhex(chain.anvil.rpc("eth_getCode", each, "latest")[2:]) for each in addresses]
    assert answer == "0x" + (bytes(32) + b"".join(keccak(each) for each in codes)).hex()


def test_first_sight_is_pinned_and_the_same_again_is_well(chain: Chain, journal: SqlJournal) -> None:
    check = pins(chain, journal, pool=chain.deployment.pool, token0=chain.deployment.token0)
    check.check()
    check.check()
    kept = journal.pins.of_chain(31337, [chain.deployment.pool.lower()])
    code = bytes.fromhex(chain.anvil.rpc("eth_getCode", chain.deployment.pool, "latest")[2:])
    assert kept[chain.deployment.pool.lower()] == Pin(chain.deployment.pool.lower(), "0x" + keccak(code).hex())
    assert journal.pins.of_chain(1, [chain.deployment.pool.lower()]) == {}, "another chain's contracts are others"


def test_what_a_beacon_leads_to_counts(chain: Chain, journal: SqlJournal) -> None:
    rpc = chain.anvil.rpc
    rpc("anvil_setCode", PROXY, "0x00")
    rpc("anvil_setCode", BEHIND, "0x6001")
    # whatever it is asked, the beacon answers the address in its slot 0
    rpc("anvil_setCode", BEACON, "0x60005460005260206000f3")
    rpc("anvil_setStorageAt", BEACON, "0x0", "0x" + BEHIND[2:].rjust(64, "0"))
    rpc("anvil_setStorageAt", PROXY, PROXY_SLOTS["beacon"], "0x" + BEACON[2:].rjust(64, "0"))
    check = pins(chain, journal, token0=PROXY)
    check.check()
    rpc("anvil_setStorageAt", BEACON, "0x0", "0x" + PROXY[2:].rjust(64, "0"))
    with pytest.raises(HaltedError, match=r"the proxy token0 .* leads to something else"):
        check.check()
    rpc("anvil_setStorageAt", BEACON, "0x0", "0x" + BEHIND[2:].rjust(64, "0"))
    check.check()
    rpc("anvil_setCode", BEHIND, "0x6002")
    with pytest.raises(HaltedError, match="leads to something else"):
        check.check()


def test_only_what_halted_a_strategy_is_accepted_and_only_once(chain: Chain, journal: SqlJournal) -> None:
    rpc = chain.anvil.rpc
    rpc("anvil_setCode", PROXY, "0x6001")
    check = pins(chain, journal, token0=PROXY)
    check.check()
    assert journal.pins.accept("eth") == ()
    rpc("anvil_setCode", PROXY, "0x6002")
    with pytest.raises(HaltedError):
        check.check()
    assert journal.pins.accept("another") == ()
    with pytest.raises(HaltedError, match="keeper resume eth"):
        check.check()
    (accepted,) = journal.pins.accept("eth")
    assert accepted.code_hash == "0x" + keccak(hexstr="0x6002").hex()
    check.check()
    assert journal.pins.accept("eth") == ()
    journal.pins.forget(31337)
    rpc("anvil_setCode", PROXY, "0x6003")
    check.check()


def test_a_node_without_creation_calls_cannot_vouch(chain: Chain, journal: SqlJournal) -> None:
    class Empty(HttpNode):
        def batch(self, requests):  # type: ignore[no-untyped-def]
            return ["0x", *super().batch(requests)[1:]]

    check = CodePins(Empty([chain.anvil.url]), journal.pins, 31337, "eth", {"pool": chain.deployment.pool})
    with pytest.raises(RpcError, match="cannot be looked at"):
        check.check()
