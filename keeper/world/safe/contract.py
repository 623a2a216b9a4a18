"""A Safe on chain: what it is at one block, what it says of a hash, what it carried out.

Whom to believe: a singleton that somebody put under the Safe answers what its author likes, so the singleton, guard and
fallback handler are read from storage, and the code hashes from the node, before the Safe's own answers mean anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from keeper.errors import ConfigError, RpcError
from keeper.known_safe import SAFE_RELEASES
from keeper.model.safe import SafeExecution, SafeState, SafeTx
from keeper.world.chain import codec
from keeper.world.chain.code_pins import hashing_code
from keeper.world.chain.multicall import Call, Multicall
from keeper.world.protocols import Node
from keeper.world.safe.calldata import hash_calldata, selector
from keeper.world.safe.executions import executions

VERSIONS: Final = ("1.3.0", "1.4.1")
"""The versions whose hashes, signatures and events are as this package knows them."""

SINGLETON_SLOT: Final = "0x0"
# keccak-256 of "guard_manager.guard.address" and "fallback_manager.handler.address".
GUARD_SLOT: Final = "0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8"
FALLBACK_HANDLER_SLOT: Final = "0x6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5"

MULTI_SEND: Final = SAFE_RELEASES["1.4.1"].multi_send_call_only.address

_SLOTS: Final = (SINGLETON_SLOT, GUARD_SLOT, FALLBACK_HANDLER_SLOT)
_SENTINEL: Final = "0x" + "00" * 19 + "01"
_PAGE: Final = 50
_MOST_PAGES: Final = 20
_MOST_OWNERS: Final = 1_000
_NO_CODE: Final = frozenset({"0x" + "00" * 32, "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"})


class SafeReader:
    """Reads one Safe. ``multisend`` is the batch contract whose code hash is reported with the state.

    Raises (from every read):
        ConfigError: there is no Safe at the address, or one of a version that is not known here.
        RpcError, TransientError: the node did not answer, or with something else than it was asked.
    """

    def __init__(self, node: Node, multicall_address: str, safe: str, *, multisend: str = MULTI_SEND) -> None:
        self.safe = safe.lower()
        self._node, self._multisend = node, multisend.lower()
        self._multicall_address = multicall_address
        self._multicall = Multicall(node, multicall_address)
        self._singleton: str | None = None

    def state(self, block_hash: str) -> SafeState:
        """The Safe at the block: one exchange, and one more where the singleton was not known or there are many
        modules."""
        at = {"blockHash": block_hash, "requireCanonical": True}
        calls = self._calls()
        asked: list[tuple[str, Sequence[Any]]] = [("eth_getStorageAt", [self.safe, slot, at]) for slot in _SLOTS]
        asked.append(self._code_question(self._singleton or self.safe, at))
        asked.append(("eth_call", [{"to": self._multicall_address, "data": "0x" + _aggregate(calls)}, at]))
        *stored, codes, reply = self._node.batch(asked)
        singleton, guard, handler = (self._stored_address(each) for each in stored)
        if singleton is None:
            raise self._no_safe("nothing in its first storage slot")
        if singleton != self._singleton:
            codes = self._node.request(*self._code_question(singleton, at))
        proxy_hash, singleton_hash, multisend_hash = _code_hashes(codes, 3)
        if proxy_hash in _NO_CODE or singleton_hash in _NO_CODE:
            raise self._no_safe("no contract")
        answers = dict(zip(("nonce", "threshold", "owners", "modules", "version"), _results(reply, calls), strict=True))
        state = SafeState(
            nonce=self._number(answers["nonce"], "nonce()"),
            owners=self._addresses(answers["owners"], "getOwners()"),
            threshold=self._number(answers["threshold"], "getThreshold()"),
            modules=self._modules(answers["modules"], block_hash),
            guard=guard,
            fallback_handler=handler,
            singleton=singleton,
            proxy_code_hash=proxy_hash,
            singleton_code_hash=singleton_hash,
            multisend_code_hash=multisend_hash,
            version=self._version(answers["version"]),
        )
        if not 1 <= state.threshold <= len(state.owners) <= _MOST_OWNERS:
            raise self._no_safe(f"a threshold of {state.threshold} with {len(state.owners)} owners")
        self._singleton = singleton
        return state

    def nonce_at(self, block_number: int) -> int:
        """The Safe's next nonce after a block; 0 where it was not there yet. RpcError where the node has that block's
        state no more."""
        call = {"to": self.safe, "data": "0x" + selector("nonce()").hex()}
        answer = self._node.request("eth_call", [call, hex(max(0, block_number))])
        try:
            raw = bytes.fromhex(answer[2:])
            return self._number(raw, "nonce()") if raw else 0
        except (TypeError, ValueError):
            raise RpcError("the node answered eth_call with something else than bytes") from None

    def approvals(self, safe_tx_hash: bytes, owners: Sequence[str], block_hash: str) -> frozenset[str]:
        """Those of the owners who approved the hash on chain (``approveHash``)."""
        question = selector("approvedHashes(address,bytes32)")
        calls = [(self.safe, question + codec.word(owner) + codec.word(safe_tx_hash)) for owner in owners]
        answers = self._multicall.read(calls, block_hash)
        found = zip(owners, answers, strict=True)
        return frozenset(
            owner.lower() for owner, answer in found if self._number(answer, "approvedHashes(address,bytes32)")
        )

    def transaction_hash(self, tx: SafeTx) -> bytes:
        """What the contract says is the safeTxHash, on the newest state.

        Raises:
            ValueError: the transaction is of another Safe.
        """
        if tx.safe != self.safe:
            raise ValueError(f"a transaction of {tx.safe} is not one of {self.safe}")
        answer = self._node.request("eth_call", [{"to": self.safe, "data": "0x" + hash_calldata(tx).hex()}, "latest"])
        raw = bytes.fromhex(answer[2:])
        if len(raw) != codec.WORD:
            raise self._no_safe("no answer to getTransactionHash")
        return raw

    def executions(self, from_block: int, to_block: int) -> tuple[SafeExecution, ...]:
        """What the Safe carried out in these blocks, both included, oldest first; see :func:`executions.executions`."""
        return executions(self._node, self.safe, from_block, to_block)

    def _calls(self) -> list[Call]:
        plain = ("nonce()", "getThreshold()", "getOwners()")
        calls = [(self.safe, selector(name)) for name in plain]
        return [*calls, self._modules_call(_SENTINEL), (self.safe, selector("VERSION()"))]

    def _modules_call(self, after: str) -> Call:
        return self.safe, selector("getModulesPaginated(address,uint256)") + codec.word(after) + codec.word(_PAGE)

    def _code_question(self, singleton: str, at: dict[str, Any]) -> tuple[str, Sequence[Any]]:
        data = "0x" + hashing_code([self.safe, singleton, self._multisend]).hex()
        return "eth_call", [{"data": data}, at]

    def _modules(self, answer: bytes | None, block_hash: str) -> tuple[str, ...]:
        """Every module. The next page begins after the last module seen, not at the page's own ``next``, which 1.3.0
        sets one too far."""
        found: list[str] = []
        for _page in range(_MOST_PAGES):
            page = self._addresses(answer, "getModulesPaginated(address,uint256)", leading_words=2)
            if found and set(page) & set(found):
                break
            found += page
            if len(page) < _PAGE:
                return tuple(found)
            (answer,) = self._multicall.read([self._modules_call(page[-1])], block_hash)
        raise self._no_safe(f"no end to its modules after {len(found)} of them")

    def _addresses(self, answer: bytes | None, question: str, leading_words: int = 1) -> tuple[str, ...]:
        """The ``address[]`` at the front of an answer: word 0 is its offset."""
        words = codec.words(answer) if answer and len(answer) % codec.WORD == 0 else []
        if len(words) <= leading_words or words[0] != codec.WORD * leading_words:
            raise self._no_safe(f"no usable answer to {question}")
        items = words[leading_words + 1 :]
        if words[leading_words] != len(items) or any(not 1 < each < 1 << 160 for each in items):
            raise self._no_safe(f"no usable answer to {question}")
        found = tuple(f"0x{each:040x}" for each in items)
        if len(set(found)) != len(found):
            raise self._no_safe(f"an answer to {question} that names one address twice")
        return found

    def _number(self, answer: bytes | None, question: str) -> int:
        if answer is None or len(answer) != codec.WORD:
            raise self._no_safe(f"no usable answer to {question}")
        return codec.unsigned(answer)

    def _stored_address(self, answer: Any) -> str | None:
        """The address in a storage slot; None for zero."""
        try:
            value = int(answer, 16)
        except (TypeError, ValueError):
            raise RpcError("the node answered eth_getStorageAt with something else than a word") from None
        if not 0 <= value < 1 << 160:
            raise self._no_safe("a storage slot that holds no address where a Safe has one")
        return f"0x{value:040x}" if value else None

    def _version(self, answer: bytes | None) -> str:
        found = codec.text(answer or b"")[:20]
        if found not in VERSIONS:
            raise ConfigError(
                f"the Safe {self.safe} is of version {found or '(none)'}; the keeper works with "
                f"{' and '.join(VERSIONS)}: use a Safe of one of these"
            )
        return found

    def _no_safe(self, found: str) -> ConfigError:
        return ConfigError(f"{self.safe} is not a Safe that can be used: it has {found}; correct `safe.address`")


def _aggregate(calls: Sequence[Call]) -> str:
    return codec.aggregate3([codec.aggregate3_item(target, data) for target, data in calls]).hex()


def _results(reply: str, calls: Sequence[Call]) -> list[bytes | None]:
    try:
        results = codec.decode_aggregate3(bytes.fromhex(reply[2:]))
    except (ValueError, TypeError):
        raise RpcError("Multicall3 does not answer as it should; check `contracts`") from None
    if len(results) != len(calls):
        raise RpcError(f"Multicall3 answered {len(results)} of {len(calls)} calls")
    return results


def _code_hashes(answer: Any, count: int) -> list[str]:
    raw = bytes.fromhex(answer[2:])
    if len(raw) != codec.WORD * (count + 1):
        raise RpcError("the node does not run an eth_call without `to`: the code of the Safe cannot be looked at")
    return ["0x" + raw[codec.WORD * at : codec.WORD * (at + 1)].hex() for at in range(1, count + 1)]
