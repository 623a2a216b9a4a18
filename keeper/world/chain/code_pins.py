"""Whether the contracts that the keeper relies on are still the ones it first saw: an upgraded proxy, a replaced
contract or another chain behind the same URL are seen here, before anything is signed for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from keeper.errors import HaltedError, RpcError
from keeper.world.chain import codec
from keeper.world.chain.contracts import Contracts
from keeper.world.journal.pins import Pin, PinLog
from keeper.world.protocols import Node

# Where proxies keep what they lead to: EIP-1967's implementation and beacon (keccak-256 of "eip1967.proxy.…" less 1),
# and keccak-256 of "org.zeppelinos.proxy.implementation", which USDC still uses.
PROXY_SLOTS: Final[dict[str, str]] = {
    "implementation": "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc",
    "beacon": "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50",
    "zeppelin": "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3",
}

_IMPLEMENTATION: Final = bytes.fromhex("5c60da1b")  # implementation(), of a beacon


def named_contracts(contracts: Contracts, pool: str, token0: str, token1: str) -> dict[str, str]:
    """Name -> address of everything that a transaction of the keeper's depends on."""
    return {
        "factory": contracts.factory,
        "positions": contracts.positions,
        "router": contracts.router,
        "multicall": contracts.multicall,
        "pool": pool,
        "token0": token0,
        "token1": token1,
    }


def hashing_code(addresses: Sequence[str]) -> bytes:
    """Initialisation code that returns a zero word, and then the code hash (EIP-1052) of each address.

    An ``eth_call`` without ``to`` runs it as if a contract were made and answers what it returns, so that one exchange
    sees all contracts at one block and no contract of ours is needed. The zero word is in front because a new
    contract's code may not begin with 0xEF (EIP-3541), which one hash in 256 does.
    """
    code = b""
    for at, address in enumerate(addresses, 1):  # PUSH20 address, EXTCODEHASH, PUSH2 32*at, MSTORE
        code += b"\x73" + bytes.fromhex(address[2:]) + b"\x3f\x61" + (32 * at).to_bytes(2, "big") + b"\x52"
    return code + b"\x61" + (32 * (len(addresses) + 1)).to_bytes(2, "big") + b"\x60\x00\xf3"  # PUSH2, PUSH1 0, RETURN


class CodePins:
    """The code at ``contracts`` (name -> address) against what the journal pinned when it first saw them.

    First sight is trusted: whether that code is good was the operator's to judge. A proxy is its own code and what
    its slots lead to, with the code there; proxies that keep that elsewhere cannot be told from plain contracts.
    """

    def __init__(self, node: Node, log: PinLog, chain_id: int, strategy: str, contracts: Mapping[str, str]) -> None:
        self._node, self._log, self._chain_id, self._strategy = node, log, chain_id, strategy
        self._names = {address.lower(): name for name, address in contracts.items()}

    def check(self) -> None:
        """Look at every contract on the newest state, and pin those never seen before.

        Raises:
            HaltedError: one is not what it was; what it is now is kept, for `resume` to accept.
            TransientError: the node did not answer.
        """
        found = {pin.address: pin for pin in self._look()}
        pinned = self._log.of_chain(self._chain_id, found)
        changed = [pin for address, pin in found.items() if address in pinned and pinned[address] != pin]
        if changed:
            self._log.note_change(self._chain_id, self._strategy, changed)
            self._halt(pinned[changed[0].address], changed[0])
        fresh = [pin for address, pin in found.items() if address not in pinned]
        if fresh:
            self._log.add(self._chain_id, fresh)

    def _look(self) -> list[Pin]:
        addresses = list(self._names)
        slots = [(address, slot) for address in addresses for slot in PROXY_SLOTS.values()]
        answer, *words = self._node.batch(
            [
                ("eth_call", [{"data": "0x" + hashing_code(addresses).hex()}, "latest"]),
                *(("eth_getStorageAt", [address, slot, "latest"]) for address, slot in slots),
            ]
        )
        hashes = _hashes(answer, len(addresses))
        led = {key: int(word, 16) & ((1 << 160) - 1) for key, word in zip(slots, words, strict=True)}
        ends = self._ends([f"0x{target:040x}" for target in led.values() if target], led)
        return [Pin(address, code, ends.get(address, "")) for address, code in zip(addresses, hashes, strict=True)]

    def _ends(self, targets: list[str], led: Mapping[tuple[str, str], int]) -> dict[str, str]:
        """For each proxy, in words that are compared: the addresses that it leads to, and the code hash at each."""
        if not targets:
            return {}
        known = sorted(set(targets))
        beacons = sorted({f"0x{target:040x}" for (_, slot), target in led.items()
                          if target and slot == PROXY_SLOTS["beacon"]})  # fmt: skip
        behind = dict(zip(beacons, self._implementations(beacons), strict=True))
        every = sorted({*known, *behind.values()})
        answer = self._node.request("eth_call", [{"data": "0x" + hashing_code(every).hex()}, "latest"])
        code = dict(zip(every, _hashes(answer, len(every)), strict=True))
        ends: dict[str, list[str]] = {}
        for (address, _slot), target in led.items():
            if target:
                path = [f"0x{target:040x}"]
                path += [behind[path[0]]] if path[0] in behind else []
                ends.setdefault(address, []).extend(f"{each} {code[each]}" for each in path)
        return {address: ", ".join(parts) for address, parts in ends.items()}

    def _implementations(self, beacons: Sequence[str]) -> list[str]:
        """What each beacon says that its proxies lead to; the zero address where it says nothing."""
        data = "0x" + _IMPLEMENTATION.hex()
        answers = self._node.batch([("eth_call", [{"to": beacon, "data": data}, "latest"]) for beacon in beacons])
        return [f"0x{int(answer, 16) & ((1 << 160) - 1) if len(answer) == 66 else 0:040x}" for answer in answers]

    def _halt(self, before: Pin, now: Pin) -> NoReturn:
        name = self._names[now.address]
        if before.code_hash != now.code_hash:
            what = f"the code of {name} {now.address} is not what it was: its hash was {before.code_hash}, "
            what += f"now it is {now.code_hash}"
        else:
            what = (
                f"the proxy {name} {now.address} leads to something else: it was {before.implementation or 'nothing'}, "
            )
            what += f"now it is {now.implementation or 'nothing'}"
        raise HaltedError(
            f"{what}. Nothing is signed. Find out who changed it and why; "
            f"`keeper resume {self._strategy}` then accepts what is there now"
        )


def _hashes(answer: str, count: int) -> list[str]:
    raw = bytes.fromhex(answer[2:])
    if len(raw) != codec.WORD * (count + 1):
        raise RpcError("the node does not run an eth_call without `to`: the code of contracts cannot be looked at")
    return ["0x" + raw[codec.WORD * at : codec.WORD * (at + 1)].hex() for at in range(1, count + 1)]
