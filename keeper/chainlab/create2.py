"""Contracts at the addresses that their own creation code decides, deployed as the public chains got them."""

from __future__ import annotations

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.chainlab.calls import send
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import KeeperError
from keeper.known_safe import DETERMINISTIC_DEPLOYER, KnownContract

_SALT = bytes(32)


def create2_address(factory: str, creation_code: bytes, salt: bytes = _SALT) -> str:
    """Where ``factory`` puts ``creation_code``: EIP-1014, keccak(0xff ‖ factory ‖ salt ‖ keccak(code))[12:]."""
    place = keccak(b"\xff" + bytes.fromhex(factory[2:]) + salt + keccak(creation_code))
    return to_checksum_address(place[12:])


def code_hash(rpc: Rpc, address: str) -> str:
    """Keccak-256 of the code at ``address``, hex without ``0x``."""
    return keccak(hexstr=rpc("eth_getCode", address, "latest")).hex()


def place(rpc: Rpc, factory: str, creation_code: bytes, known: KnownContract, *, sender: str | None = None) -> None:
    """Deploys ``creation_code`` through ``factory`` with salt 0, unless ``known`` stands there already.

    Raises:
        KeeperError: the creation code is not the known contract's, or what stands there is not.
        RpcError: the node refused, or has no such factory and cannot be given one.
    """
    address = create2_address(factory, creation_code)
    if address != known.address:
        raise KeeperError(f"this creation code belongs at {address}, not at {known.address}")
    if rpc("eth_getCode", address, "latest") == "0x":
        _have_factory(rpc, factory)
        sender = sender or str(rpc("eth_accounts")[0])
        send(rpc, sender, factory, "0x" + (_SALT + creation_code).hex())
    found = code_hash(rpc, address)
    if found != known.code_hash:
        raise KeeperError(f"the code at {address} hashes to {found}, not {known.code_hash}")


def _have_factory(rpc: Rpc, factory: str) -> None:
    """Both factories are the same program, and every anvil is born with one of them."""
    if rpc("eth_getCode", factory, "latest") == "0x":
        rpc("anvil_setCode", factory, rpc("eth_getCode", DETERMINISTIC_DEPLOYER, "latest"))
