"""A signer behind the signing policy: what the policy does not pass never reaches the key, and what comes back is ours.

The bytes that a signer returns are read again: a remote one may answer with another transaction, or another key's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from keeper.errors import SigningRefusedError
from keeper.model.safe import SafeTx
from keeper.world.protocols import Purpose, Signed, Signer
from keeper.world.signers import policy, safe_policy
from keeper.world.signers.delegation import authorization_of
from keeper.world.signers.envelope import delegating_bytes, unsigned_bytes
from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.refusal import require_same
from keeper.world.signers.returned import consent, message_signature, require_ours

_Made = TypeVar("_Made")


class Records(Protocol):
    """Where the evidence comes from."""

    def evidence(self, purpose: Purpose, chain_id: int, signer: str) -> Evidence: ...


class Examiner:
    """The policy alone, for what people sign by themselves; no key."""

    def __init__(self, rules: Rules, records: Records) -> None:
        self._rules, self._records = rules, records

    def examine(self, transaction: SafeTx, purpose: Purpose) -> int:
        """What a Safe's transaction that the policy passes counts against the limits, raw quote units.

        Raises:
            SigningRefusedError, SigningLimitError: the policy does not pass it.
        """
        evidence = self._records.evidence(purpose, self._rules.chain_id, self._rules.signer)
        return safe_policy.check_proposal(self._rules, evidence, transaction).debit_quote


class PolicedSigner:
    """Implements ``LastLook`` and ``SafeLook``."""

    def __init__(self, signer: Signer, rules: Rules, records: Records) -> None:
        self._signer, self._rules, self._records = signer, rules, records

    @property
    def address(self) -> str:
        """The signer's."""
        return self._signer.address

    def sign(self, transaction: Mapping[str, Any], purpose: Purpose) -> Signed:
        """Sign what the policy passes. Errors as ``LastLook``; ConfigError where this kind of signer cannot delegate.

        With ``delegate`` (an address) beside the fields, and type 4, the key's own account is delegated to it.
        """
        evidence = self._evidence(purpose)
        delegate = transaction.get("delegate")
        if delegate is None:
            unsigned = _made(unsigned_bytes, transaction)
        else:
            unsigned = self._delegating(transaction, delegate, evidence)
        allowed = policy.check(self._rules, evidence, unsigned)
        raw = self._signer.sign(allowed.passed)
        require_ours(raw, unsigned, self.address)
        return Signed(raw, allowed.debit_quote)

    def sign_safe(self, transaction: SafeTx, purpose: Purpose) -> Signed:
        """Sign a Safe's transaction that the policy passes. Errors as ``SafeLook``."""
        allowed = safe_policy.check_proposal(self._rules, self._evidence(purpose), transaction)
        return Signed(message_signature(self._signer, allowed.passed), allowed.debit_quote)

    def _evidence(self, purpose: Purpose) -> Evidence:
        require_same("the signer's address", self.address.lower(), self._rules.signer)
        return self._records.evidence(purpose, self._rules.chain_id, self.address)

    def _delegating(self, transaction: Mapping[str, Any], delegate: str, evidence: Evidence) -> bytes:
        """The bytes to be passed, with the key's consent in them; that is asked for once all the rest has passed."""
        fields = {name: value for name, value in transaction.items() if name != "delegate"}
        wanted = _made(authorization_of, transaction.get("chainId"), delegate, transaction.get("nonce"))
        message = policy.check_consent(self._rules, evidence, _made(delegating_bytes, fields, wanted))
        return _made(delegating_bytes, fields, consent(self._signer, message, wanted))


def _made(make: Callable[..., _Made], *parts: Any) -> _Made:
    try:
        return make(*parts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SigningRefusedError(f"the signing policy refused the transaction: it is none ({error})") from None
