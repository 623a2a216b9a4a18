"""What the keeper says while it runs: one named function per event, on a console or as JSON lines, secrets hidden.

Events go to stderr, so that stdout stays for what a command was asked to print.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import structlog
from structlog.typing import Processor

from keeper.model.decision import Figure, Objection
from keeper.model.outcome import Outcome
from keeper.redaction import printable, redact_value

_LIBRARIES = ("alembic", "apscheduler", "web3", "urllib3", "httpx", "httpcore", "asyncio", "sqlalchemy")


def configure(*, stream: TextIO | None = None, console: bool | None = None, level: int = logging.INFO) -> None:
    """Set up logging for this process: for people when ``stream`` is a terminal, else one JSON object per line."""
    target = sys.stderr if stream is None else stream
    for_people = target.isatty() if console is None else console
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redaction,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=target.isatty())
        if for_people
        else structlog.processors.JSONRenderer(sort_keys=False, default=str)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _MayBeDeaf(target))),
        cache_logger_on_first_use=False,
    )
    _adopt_libraries(target, shared, renderer)


class _MayBeDeaf:
    """A stream whose other end may be gone: what is said then is lost. Nobody who looks after money stops for that."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # a broken pipe, a full disk; a stream that was closed
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def redaction(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor in front of every renderer: nothing secret passes."""
    return {
        name: printable(value) if isinstance(value, str) else value
        for name, value in ((name, redact_value(name, value)) for name, value in event.items())
    }


def _adopt_libraries(target: TextIO, shared: list[Processor], renderer: Processor) -> None:
    """Warnings of libraries go the same way. Their debug lines are never shown: they hold URLs with keys."""
    handler = logging.StreamHandler(target)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR if name == "apscheduler" else logging.WARNING)


def _log() -> Any:
    return structlog.get_logger()


def daemon_started(strategies: Sequence[str], mode: str) -> None:
    _log().info("daemon_started", strategies=list(strategies), mode=mode)


def daemon_stopping(reason: str) -> None:
    _log().info("daemon_stopping", reason=reason)


def daemon_stopped(*, clean: bool) -> None:
    _log().info("daemon_stopped", clean=clean)


def cycle_held(strategy: str, objections: Sequence[Objection], seconds: float) -> None:
    """Nothing was done; each objection with its figures."""
    reasons = {objection.code: _figures(objection.figures) for objection in objections}
    _log().info("cycle_held", strategy=strategy, objections=reasons, seconds=round(seconds, 3))


def cycle_acted(strategy: str, outcome: Outcome, seconds: float) -> None:
    """A plan was carried out, simulated, is under way or failed."""
    details: dict[str, Any] = {}
    if outcome.kind != "held":
        details = {"plan": outcome.submission.plan_id, "decision": outcome.submission.decision_id}
    if outcome.kind == "done":
        details["transaction_hashes"] = sorted({entry.transaction_hash for entry in outcome.effects.entries})
    elif outcome.kind == "failed":
        details["reason"] = outcome.reason
    elif outcome.kind == "pending":
        details["note"] = outcome.note
    level = _log().warning if outcome.kind == "failed" else _log().info
    level("cycle_acted", strategy=strategy, outcome=outcome.kind, seconds=round(seconds, 3), **details)


def cycle_deferred(strategy: str, reason: str) -> None:
    """Something outside did not answer; the next tick tries again."""
    _log().warning("cycle_deferred", strategy=strategy, reason=reason)


def cycle_broke(strategy: str, error: BaseException, in_a_row: int) -> None:
    """A defect: an error that nobody raised on purpose."""
    _log().error("cycle_broke", strategy=strategy, in_a_row=in_a_row, exc_info=error)


def tape_extended(from_block: int, from_timestamp: int, swaps: int) -> None:
    """The pool's past is read further back, newest first, a piece at a time."""
    since = datetime.fromtimestamp(from_timestamp, UTC).isoformat()
    _log().info("tape_extended", from_block=from_block, since=since, swaps=swaps)


def tape_rewound(to_block: int, from_block: int) -> None:
    """The chain was reorganised: what was read above a block is forgotten and read again."""
    _log().warning("tape_rewound", to_block=to_block, from_block=from_block)


def rehearsal_is_plain(reason: str) -> None:
    """The node cannot simulate: calls are tried before they are signed, but what they do to balances is not seen."""
    _log().warning("rehearsal_is_plain", reason=reason)


def gas_low(strategy: str, reason: str) -> None:
    """Less than twice the reserve of native coin is left."""
    _log().warning("gas_low", strategy=strategy, reason=reason)


def price_triggered(strategy: str) -> None:
    _log().info("price_triggered", strategy=strategy)


def price_unknown(strategy: str, reason: str) -> None:
    _log().debug("price_unknown", strategy=strategy, reason=reason)


def strategy_halted(strategy: str, reason: str) -> None:
    _log().error("strategy_halted", strategy=strategy, reason=reason, remedy=f"keeper resume {strategy}")


def halt_not_recorded(strategy: str, reason: str) -> None:
    _log().error("halt_not_recorded", strategy=strategy, reason=reason)


def strategy_resumed(strategy: str) -> None:
    _log().info("strategy_resumed", strategy=strategy)


def reconciled(strategy: str, kind: str, message: str) -> None:
    """The journal was held against the chain, and something is worth a person's eye."""
    _log().warning("reconciled", strategy=strategy, kind=kind, message=message)


def config_taken(added: Sequence[str], changed: Sequence[str], removed: Sequence[str]) -> None:
    _log().info("config_taken", added=list(added), changed=list(changed), removed=list(removed))


def config_rejected(mistakes: Sequence[str]) -> None:
    """A strategy file is bad; the last good one stays in force."""
    _log().error("config_rejected", mistakes=list(mistakes), in_force="the last good configuration")


def config_unused(warnings: Sequence[str]) -> None:
    """Keys are written that this version does nothing with."""
    _log().warning("config_unused", warnings=list(warnings))


def clock_jumped(seconds: float) -> None:
    _log().warning("clock_jumped", seconds=round(seconds, 1))


def _figures(figures: Sequence[Figure]) -> dict[str, int | float | str]:
    return {figure.name: figure.value for figure in figures}
