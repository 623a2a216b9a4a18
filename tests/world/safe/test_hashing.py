"""The hash that owners sign, against the real contract, against safe-eth-py, and against a wallet's typed data."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.known_safe import SAFE_RELEASES
from keeper.model.safe import SafeTx
from keeper.world.chain.node import HttpNode
from keeper.world.safe import hashing
from keeper.world.safe.calldata import hash_calldata
from keeper.world.safe.hashing import domain_separator, safe_tx_hash, signing_preimage, struct_hash, typed_data
from tests.safe.random_txs import mutations, random_txs
from tests.safe.treasury import Treasury

CHAIN_IDS = (31337, 1, 10, 8453, (1 << 53) - 1)  # anvil takes no larger one
ANY_CHAIN_IDS = (1, 31337, 42161, 1 << 64, (1 << 256) - 1)
Oracle = Callable[[SafeTx], bytes]


def test_the_type_hashes_are_those_of_the_contract() -> None:
    """DOMAIN_SEPARATOR_TYPEHASH and SAFE_TX_TYPEHASH of Safe.sol."""
    assert hashing.DOMAIN_TYPE_HASH.hex() == "47e79534a245952e8b16893a336b85a3d9ea9fa8c573f3d803afb92a79469218"
    assert hashing.SAFE_TX_TYPE_HASH.hex() == "bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8"


def test_what_is_signed_is_made_of_its_parts() -> None:
    (tx,) = random_txs(3, 1, [8453], ["0x" + "5a" * 20])
    preimage = signing_preimage(tx)
    assert preimage == b"\x19\x01" + domain_separator(8453, tx.safe) + struct_hash(tx)
    assert len(preimage) == 66
    assert safe_tx_hash(tx) == keccak(preimage)


def test_a_wallet_that_is_shown_the_typed_data_signs_the_same_hash() -> None:
    for tx in random_txs(5, 60, ANY_CHAIN_IDS, _addresses(4)):
        shown = encode_typed_data(full_message=typed_data(tx))
        assert keccak(b"\x19" + shown.version + shown.header + shown.body) == safe_tx_hash(tx)


def _addresses(count: int) -> list[str]:
    dice = random.Random(11)
    return ["0x" + dice.randbytes(20).hex() for _ in range(count)]


@pytest.fixture
def contract_says(treasury: Treasury) -> Iterator[Callable[[Sequence[SafeTx]], list[bytes]]]:
    """``getTransactionHash`` of the real contract, at other addresses and under other chain ids too."""
    rpc = treasury.anvil.rpc
    code = rpc("eth_getCode", SAFE_RELEASES["1.4.1"].singleton.address, "latest")
    for address in _addresses(4):
        rpc("anvil_setCode", address, code)
    node = HttpNode([f"http://127.0.0.1:{treasury.anvil.port}"])

    def ask(txs: Sequence[SafeTx]) -> list[bytes]:
        answers: dict[int, str] = {}
        for chain_id in CHAIN_IDS:
            rpc("anvil_setChainId", chain_id)
            wanted = [(place, tx) for place, tx in enumerate(txs) if tx.chain_id == chain_id]
            for start in range(0, len(wanted), 100):
                part = wanted[start : start + 100]
                calls: list[tuple[str, Sequence[Any]]] = [
                    ("eth_call", [{"to": tx.safe, "data": "0x" + hash_calldata(tx).hex()}, "latest"]) for _, tx in part
                ]
                answers |= dict(zip([place for place, _ in part], node.batch(calls), strict=True))
        return [bytes.fromhex(answers[place][2:]) for place in range(len(txs))]

    yield ask
    rpc("anvil_setChainId", 31337)
    node.close()


@pytest.fixture(scope="session")
def safe_eth_says() -> Oracle:
    """safe-eth-py, Safe's own library. It is one of the development packages: where it is missing, this fails."""
    their_tx = importlib.import_module("safe_eth.safe.safe_tx").SafeTx

    def ask(tx: SafeTx) -> bytes:
        theirs = their_tx(
            None, to_checksum_address(tx.safe), to_checksum_address(tx.to), tx.value_wei, tx.data, tx.operation,
            tx.safe_tx_gas, tx.base_gas, tx.gas_price, to_checksum_address(tx.gas_token),
            to_checksum_address(tx.refund_receiver), safe_nonce=tx.nonce, safe_version="1.4.1", chain_id=tx.chain_id,
        )  # fmt: skip
        return bytes(theirs.safe_tx_hash)

    return ask


COUNTS = [500, pytest.param(10_000, marks=pytest.mark.soak)]


@pytest.mark.parametrize("count", COUNTS)
def test_the_contract_and_safe_eth_py_agree(
    count: int, contract_says: Callable[[Sequence[SafeTx]], list[bytes]], safe_eth_says: Oracle
) -> None:
    txs = list(random_txs(20_260, count, CHAIN_IDS, _addresses(4)))
    assert {tx.operation for tx in txs} == {0, 1}
    assert {0, 1} <= {len(tx.data) for tx in txs}
    ours = [safe_tx_hash(tx) for tx in txs]
    assert ours == contract_says(txs)
    assert ours == [safe_eth_says(tx) for tx in txs]
    assert len(set(ours)) == count


def test_chain_ids_of_any_size_agree_with_safe_eth_py(safe_eth_says: Oracle) -> None:
    for tx in random_txs(9, 100, ANY_CHAIN_IDS, _addresses(4)):
        assert safe_tx_hash(tx) == safe_eth_says(tx)


def test_one_bit_of_any_field_is_another_hash(
    contract_says: Callable[[Sequence[SafeTx]], list[bytes]], safe_eth_says: Oracle
) -> None:
    """What the comparisons above would see, were a field left out or read from the wrong place."""
    txs = list(random_txs(77, 25, CHAIN_IDS, _addresses(4)))
    seen = set()
    for tx, on_chain in zip(txs, contract_says(txs), strict=True):
        for name, mutated in mutations(tx):
            assert safe_tx_hash(mutated) != on_chain, name
            assert safe_tx_hash(mutated) == safe_eth_says(mutated), name
            seen.add(name)
    assert len(seen) == 12


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "0x" + "AB" * 20},
        {"to": "0x" + "ab" * 19},
        {"safe": ""},
        {"value_wei": -1},
        {"value_wei": 1 << 256},
        {"nonce": -1},
        {"operation": 2},
        {"gas_price": 1 << 256},
    ],
    ids=str,
)
def test_what_is_no_transaction_is_not_made(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "chain_id": 1, "safe": "0x" + "11" * 20, "to": "0x" + "22" * 20, "value_wei": 0, "data": b"", "operation": 0,
        "nonce": 0,
    }  # fmt: skip
    SafeTx(**fields)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SafeTx(**{**fields, **wrong})
