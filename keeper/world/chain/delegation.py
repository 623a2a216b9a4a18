"""An account of a key that runs a contract's code (EIP-7702): reading it, overriding it, what it is told to do.

The account's own code is then ``0xef0100`` and the contract's address. A transaction of type 4 sets that by an
authorization; where the account gives it to itself, the authorization has the nonce after the transaction's own, and
both are used up, whether the call succeeds or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from keeper.errors import ConfigError, HaltedError, RpcError
from keeper.world.chain import codec
from keeper.world.protocols import Call, Node, PinnedContracts

AUTHORIZATION_GAS: Final = 25_000
"""PER_EMPTY_ACCOUNT_COST of EIP-7702: what each authorization costs in advance; an estimate without it knows nothing
of that. Half of it is given back where the account exists, at the end, so the limit must hold all of it."""

_DESIGNATOR: Final = b"\xef\x01\x00"
_ADDRESS_BYTES: Final = 20
_SET_CODE: Final = b"\x04"
_AUTHORIZATIONS: Final = 9  # the place of the list among the fields of a type-4 transaction
_BATCH: Final = "executeBatch((address,uint256,bytes)[])"


def delegation_code(delegate: str) -> bytes:
    """The code of an account that runs ``delegate``."""
    return _DESIGNATOR + bytes.fromhex(delegate.removeprefix("0x"))


def delegate_in(code: bytes) -> str | None:
    """The checksum address in an account's code; None for a plain account or a contract."""
    if len(code) != len(_DESIGNATOR) + _ADDRESS_BYTES or not code.startswith(_DESIGNATOR):
        return None
    return codec.checksum("0x" + code[len(_DESIGNATOR) :].hex())


def delegation_of(node: Node, account: str) -> str | None:
    """The contract (checksum address) whose code the account runs at the newest block, or None.

    TransientError where the node does not answer.
    """
    return delegate_in(_bytes(node.request("eth_getCode", [account, "latest"])))


def has_code(node: Node, address: str) -> bool:
    """Whether anything stands at the address at the newest block. Errors as ``delegation_of``."""
    return bool(_bytes(node.request("eth_getCode", [address, "latest"])))


def require_contract(node: Node, delegate: str) -> None:
    """ConfigError where the chain has no batch contract at the address."""
    if not has_code(node, delegate):
        raise ConfigError(
            f"mode atomic needs the batch account {delegate}, and there is no contract at that address on this chain: "
            "set execution.mode to wallet, or execution.delegate to a batch account that is there"
        )


def unless_set(node: Node, account: str, call: Call) -> Call:
    """The call without its delegation where the account has it already. Errors as ``delegation_of``."""
    if call.delegate is None or delegation_of(node, account) != codec.checksum(call.delegate):
        return call
    return replace(call, delegate=None)


def as_signed(call: Call, raw: bytes) -> Call:
    """The call with the delegation that signed bytes have, or without one: a replacement is of the same type."""
    if raw[:1] != _SET_CODE:
        return replace(call, delegate=None)
    ((_, delegate, *_),) = rlp.decode(raw[1:])[_AUTHORIZATIONS]
    return replace(call, delegate=codec.checksum("0x" + delegate.hex()))


def execute_batch(calls: Sequence[Call]) -> bytes:
    """Calldata of ``executeBatch`` (Simple7702Account, account-abstraction 0.8): each call in order, or none of them.

    ValueError for an empty batch, which would succeed and do nothing.
    """
    if not calls:
        raise ValueError("a batch without calls does nothing")
    return codec.call_with_calls(_BATCH, [(each.to, each.value_wei, each.data) for each in calls])


def overriding(owner: str, call: Call) -> dict[str, bytes]:
    """Code by address, to try a call upon before its delegation is set; empty where it sets none."""
    return {} if call.delegate is None else {owner: delegation_code(call.delegate)}


class DelegatedAccount:
    """The contract that ``owner``'s account is set to, looked at before anything is signed for it.

    ``code_hash`` (hex) is what the contract's code must be; None where it is pinned at first sight, among ``others``:
    all else that is relied on, looked at afterwards.
    """

    def __init__(
        self, node: Node, owner: str, delegate: str, *, code_hash: str | None, others: PinnedContracts | None = None
    ) -> None:
        self._node, self._owner, self._delegate = node, owner, codec.checksum(delegate)
        self._code_hash, self._others = code_hash, others

    def check(self) -> None:
        """Implements ``PinnedContracts``.

        Raises:
            HaltedError: the contract's code is not what it must be, or the account runs another contract's.
            TransientError: the node did not answer.
        """
        code, account = map(
            _bytes,
            self._node.batch([("eth_getCode", [each, "latest"]) for each in (self._delegate, self._owner)]),
        )
        found = keccak(code).hex()
        if self._code_hash not in (None, found):
            raise HaltedError(
                f"the code of the batch account {self._delegate} is not the one that is known: its hash should be "
                f"{self._code_hash}, and is {found}. Nothing is signed; set execution.mode to wallet, and "
                "`keeper wallet undelegate` takes the account's delegation back"
            )
        current = delegate_in(account)
        if account and current != self._delegate:
            runs = f"the code of {current}" if current is not None else "code of its own"
            raise HaltedError(
                f"the account {self._owner} runs {runs}, which is not {self._delegate}; somebody else delegated it. "
                "Find out who holds the key; `keeper wallet undelegate` takes it back"
            )
        if self._others is not None:
            self._others.check()


def _bytes(answer: Any) -> bytes:
    """RpcError where the node's answer is no code."""
    try:
        return bytes.fromhex(answer.removeprefix("0x"))
    except (AttributeError, ValueError) as error:
        raise RpcError(f"the node answered eth_getCode with something else than code ({error})") from error
