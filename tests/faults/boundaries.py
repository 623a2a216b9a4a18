"""Where a keeper can be killed: every exchange with a node, commit, signature and block, named and counted.

Set from outside, by wrapping, in a process that is meant to die: the product has no hooks for it.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from keeper.world.chain.node import HttpNode
from keeper.world.protocols import Signer
from keeper.world.signers.passed import Passed, PassedMessage

_WRITES: Final = re.compile(r"\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)


@dataclass
class Trap:
    """Kills this process the moment it reaches the boundary ``at`` (a name and which time it is reached).

    Without ``at`` it only writes the trail: every boundary with the seconds since the trap was set.
    """

    at: str | None = None
    trail: list[tuple[str, float]] = field(default_factory=list)
    set_at: float = field(default_factory=time.monotonic)
    _counts: Counter[str] = field(default_factory=Counter)

    def reach(self, name: str) -> None:
        self._counts[name] += 1
        numbered = f"{name} #{self._counts[name]}"
        self.trail.append((numbered, time.monotonic() - self.set_at))
        if numbered == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, act: Callable[[], Any]) -> Any:
        """Both sides of something that has an effect."""
        self.reach(f"before {name}")
        result = act()
        self.reach(f"after {name}")
        return result


@dataclass(frozen=True, slots=True)
class TrappedSigner:
    """Implements ``Signer``: both sides of every signature are boundaries."""

    inner: Signer
    trap: Trap

    @property
    def address(self) -> str:
        return self.inner.address

    def sign(self, passed: Passed) -> bytes:
        raw: bytes = self.trap.around("signature", lambda: self.inner.sign(passed))
        return raw

    def sign_message(self, passed: PassedMessage) -> bytes:
        raw: bytes = self.trap.around("signature of a message", lambda: self.inner.sign_message(passed))
        return raw


def set_trap(trap: Trap) -> None:
    """Wrap nodes and databases for the rest of this process's life."""
    _wrap_node(trap)
    _wrap_commits(trap)


def _wrap_node(trap: Trap) -> None:
    request, batch_outcomes = HttpNode.request, HttpNode.batch_outcomes

    def trapped_request(self: HttpNode, method: str, params: Sequence[Any]) -> Any:
        return trap.around(method, lambda: request(self, method, params))

    def trapped_batch(self: HttpNode, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        names = sorted({name for name, _ in requests})
        result: list[Any] = trap.around("+".join(names), lambda: batch_outcomes(self, requests))
        return result

    HttpNode.request = trapped_request  # type: ignore[method-assign]
    HttpNode.batch_outcomes = trapped_batch  # type: ignore[method-assign]


def _wrap_commits(trap: Trap) -> None:
    written: set[str] = set()
    do_commit = DefaultDialect.do_commit

    @event.listens_for(Engine, "begin")
    def on_begin(_connection: Any) -> None:
        written.clear()
        trap.reach("at begin")

    @event.listens_for(Engine, "before_cursor_execute")
    def on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found = _WRITES.match(statement)
        if found is not None:
            written.add(found.group(1))

    def trapped_commit(self: DefaultDialect, connection: Any) -> None:
        what = "commit of " + ("+".join(sorted(written)) or "nothing")
        trap.around(what, lambda: do_commit(self, connection))  # type: ignore[no-untyped-call]

    DefaultDialect.do_commit = trapped_commit  # type: ignore[method-assign]
