"""Whether a Safe is still what it was when the keeper first relied on it, and whether the keeper may propose to it.

Owners and threshold say who agrees; a module moves everything without asking anybody; a guard, a fallback handler or
another singleton changes what the Safe does. Nobody but its owners can change these: a change is looked at by a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from keeper.errors import ConfigError, HaltedError
from keeper.known_safe import SAFE_RELEASES
from keeper.model.safe import SafeState
from keeper.world.journal.safe_pins import Facts, SafePinLog

KNOWN_MULTI_SEND: Final = SAFE_RELEASES["1.4.1"].multi_send_call_only
Tell = Callable[[str, str], object]
"""(kind, sentence): an alert of the strategy."""

_WORDS: Final = {
    "threshold": "threshold",
    "guard": "guard",
    "fallback_handler": "fallback handler",
    "singleton": "singleton (the code that it runs)",
    "proxy_code_hash": "own code",
    "singleton_code_hash": "code of its singleton",
    "multisend_code_hash": "code of MultiSendCallOnly",
    "version": "version",
}


class SafeChecks:
    """Holds a Safe against its pin. First sight is trusted, and what is dangerous about it is told."""

    def __init__(self, log: SafePinLog, chain_id: int, safe: str, strategy: str, *, multisend: str, tell: Tell) -> None:
        self._log, self._chain_id, self._safe, self._strategy = log, chain_id, safe.lower(), strategy
        self._multisend, self._tell = multisend.lower(), tell

    def check(self, state: SafeState) -> None:
        """Hold what the Safe is now against what it was.

        Raises:
            ConfigError: at first sight: there is no MultiSendCallOnly, or not the one that is known.
            HaltedError: something changed; what it is now is kept, for `resume` to accept.
        """
        now, pinned = facts(state), self._log.of(self._chain_id, self._safe)
        if pinned is None:
            self._require_multisend(state)
            self._log.add(self._chain_id, self._safe, now)
            for kind, sentence in warnings(self._safe, state):
                self._tell(kind, sentence)
        elif dict(pinned) != now:
            self._log.note_change(self._chain_id, self._safe, self._strategy, now)
            raise HaltedError(
                f"the Safe {self._safe} is not what it was: {'; '.join(changes(pinned, now))}. Nothing is proposed. "
                f"Find out who decided that; `keeper resume {self._strategy}` then accepts what it is now"
            )

    def require_proposer(self, key: str, state: SafeState, delegates: Callable[[], Collection[str]] | None) -> None:
        """ConfigError unless the key is an owner, or one of the ``delegates`` (None: owners alone may propose)."""
        if key.lower() in state.owners:
            return
        if delegates is None:
            raise ConfigError(
                f"the key {key} is not an owner of the Safe {self._safe}, and only an owner approves a hash on chain: "
                "make it one, or set safe.propose_by to service"
            )
        if key.lower() not in delegates():
            raise ConfigError(
                f"the key {key} is neither an owner of the Safe {self._safe} nor a delegate of one: an owner adds it "
                "as a delegate, in the Safe app under Settings, Setup, Proposers, or through the Safe Transaction "
                "Service (POST /api/v2/delegates/)"
            )

    def _require_multisend(self, state: SafeState) -> None:
        found = state.multisend_code_hash.removeprefix("0x")
        if int(state.multisend_code_hash, 16) == 0:
            raise ConfigError(f"there is no contract at {self._multisend}: set safe.multisend to MultiSendCallOnly")
        if self._multisend == KNOWN_MULTI_SEND.address.lower() and found != KNOWN_MULTI_SEND.code_hash:
            raise ConfigError(
                f"the code at {self._multisend} is not Safe's MultiSendCallOnly (its hash is {found}, not "
                f"{KNOWN_MULTI_SEND.code_hash}): set safe.multisend to the real one of this chain"
            )


def facts(state: SafeState) -> dict[str, Any]:
    """What is pinned of a Safe: everything but its nonce; lists without their order."""
    return {
        "owners": sorted(state.owners),
        "threshold": state.threshold,
        "modules": sorted(state.modules),
        **{name: getattr(state, name) for name in _WORDS if name != "threshold"},
    }


def changes(before: Facts, now: Mapping[str, Any]) -> list[str]:
    """What differs, each in words with both values."""
    found = []
    for name, each in (("owners", "owner"), ("modules", "module")):
        old, new = set(before.get(name) or ()), set(now[name])
        found += [f"{each} {address} was added" for address in sorted(new - old)]
        found += [f"{each} {address} was removed" for address in sorted(old - new)]
    for name, words in _WORDS.items():
        if before.get(name) != now[name]:
            found.append(f"its {words} was {before.get(name) or 'none'}, now it is {now[name] or 'none'}")
    return found


def warnings(safe: str, state: SafeState) -> list[tuple[str, str]]:
    """What an operator should know about a Safe, as kinds and sentences."""
    told = []
    if state.modules:
        names = ", ".join(state.modules)
        told.append(
            (
                "safe_modules",
                f"the Safe {safe} has modules ({names}): each can move everything in it without its owners",
            )
        )
    if state.guard is not None:
        told.append(("safe_guard", f"the Safe {safe} has a guard ({state.guard}): it can refuse any transaction of it"))
    release = SAFE_RELEASES["1.4.1"]
    known = {release.singleton.code_hash, release.singleton_l2.code_hash}
    if state.version == "1.4.1" and state.singleton_code_hash.removeprefix("0x") not in known:
        told.append(
            (
                "safe_singleton",
                f"the Safe {safe} says it is of version 1.4.1, and runs other code than Safe's ({state.singleton})",
            )
        )
    return told
