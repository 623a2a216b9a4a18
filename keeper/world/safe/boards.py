"""The boards that a configuration can name: Safe's service, a folder of files, the chain itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from keeper.errors import HaltedError, TransientError
from keeper.world.safe.board import Notice
from keeper.world.safe.builder_file import builder_document, write_files
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.record import ServiceRecord
from keeper.world.safe.service import MOST_ORIGIN_CHARACTERS, SafeService
from keeper.world.safe.signatures import recover_owner

_NAME: Final = "Range Keeper"
Ignored = Callable[[str, str], object]
"""(owner as claimed, why his signature does not count)."""


class Queue(Protocol):
    """A board where transactions of others wait too."""

    def queued(self, nonce_from: int, own: str = "") -> Mapping[int, frozenset[str]]:
        """Hashes by nonce of what waits there from that nonce on, but for what a keeper with the key ``own`` (lower
        case) has put up: a journal that is an older copy does not know it, and on its nonce one can be executed at
        most. Errors as ``Board``."""
        ...

    def proposers(self, owners: Collection[str]) -> Collection[str]:
        """Who, besides the owners, may put something up on behalf of one of them (lower case). Errors as ``Board``."""
        ...


class ServiceBoard:
    """Implements ``Board`` and ``Queue`` on the Safe Transaction Service. What it shows is held against what was
    posted, field by field; a signature counts when it is proved."""

    def __init__(self, service: SafeService, *, ignored: Ignored = lambda _owner, _why: None) -> None:
        self._service, self._ignored = service, ignored

    @property
    def place(self) -> str:
        return f"the Safe Transaction Service at {self._service.label}"

    def post(self, notice: Notice) -> None:
        """Errors as ``Board``; ServiceRefusedError where it will not have it."""
        assert notice.signature is not None
        digest = bytes.fromhex(notice.hash[2:])
        self._service.propose(notice.transaction, digest, notice.proposer, notice.signature, notice.origin)
        if self._record(notice) is None:
            raise TransientError(f"{self.place} took the proposal and does not show it yet")

    def confirmations(self, notice: Notice) -> Mapping[str, bytes]:
        """Errors as ``post``. What was deleted there is posted again."""
        record = self._record(notice)
        if record is None:
            self.post(notice)
            record = self._record(notice)
        digest, proved = bytes.fromhex(notice.hash[2:]), {}
        for each in () if record is None else record.confirmations:
            try:
                signer = recover_owner(digest, each.signature)
            except ValueError as error:
                self._ignored(each.owner, str(error))
                continue
            if signer == each.owner:
                proved[signer] = each.signature
            else:
                self._ignored(each.owner, f"the signature is of {signer}, or of another transaction")
        return proved

    def queued(self, nonce_from: int, own: str = "") -> Mapping[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for record in self._service.queued(nonce_from):
            if own in (record.proposer, record.proposed_by_delegate) and _is_a_keepers(record.origin):
                continue
            found.setdefault(record.tx.nonce, set()).add("0x" + safe_tx_hash(record.tx).hex())
        return {nonce: frozenset(hashes) for nonce, hashes in found.items()}

    def proposers(self, owners: Collection[str]) -> Collection[str]:
        return {each.delegate for each in self._service.delegates() if each.delegator in owners}

    def _record(self, notice: Notice) -> ServiceRecord | None:
        digest = bytes.fromhex(notice.hash[2:])
        record = self._service.find(digest)
        complaint = None if record is None else record.complaint(notice.transaction, digest)
        if complaint is not None:
            raise HaltedError(
                f"{self.place} shows another transaction under {notice.hash} than was proposed ({complaint}): somebody "
                "edited it, or the service lies. Tell the owners to sign nothing there; nothing more is proposed"
            )
        return record


class FileBoard:
    """Implements ``Board`` with files that the Safe Transaction Builder imports; nobody signs there."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = folder, now

    @property
    def place(self) -> str:
        return f"files in {self._folder}"

    def post(self, notice: Notice) -> None:
        """Write the two files, unless they are there as they should be. ConfigError where the folder is unusable."""
        stem, tx = file_stem(notice), notice.transaction
        document = builder_document(
            tx.chain_id, tx.safe, notice.calls,
            name=notice.title, description=notice.description, created_milliseconds=int(self._now() * 1_000),
        )  # fmt: skip
        if not self._is_there(stem, document):
            write_files(self._folder, stem, document, f"# {notice.title}\n\n{notice.description}\n")

    def confirmations(self, notice: Notice) -> Mapping[str, bytes]:
        """None: who signs is seen on the chain alone. A file that is gone or edited is written again."""
        self.post(notice)
        return {}

    def _is_there(self, stem: str, document: Mapping[str, Any]) -> bool:
        try:
            found = json.loads((self._folder / f"{stem}.json").read_text(encoding="utf-8"))
            return bool(found["transactions"] == document["transactions"] and found["chainId"] == document["chainId"])
        except (OSError, ValueError, KeyError, TypeError):
            return False


class ChainBoard:
    """Implements ``Board`` where owners approve the hash on chain: there is nothing to post, and the executor itself
    reads who approved."""

    place = "the chain: owners call approveHash with the hash"

    def post(self, notice: Notice) -> None:
        """Nothing to do."""

    def confirmations(self, notice: Notice) -> Mapping[str, bytes]:  # noqa: ARG002
        return {}


def origin(version: str, strategy: str, decision_id: int, note: str = "") -> str:
    """Who proposes it and why, for machines: JSON, short enough for the service, with as much of the note as fits."""
    made: dict[str, Any] = {"name": f"{_NAME} {version}", "strategy": strategy, "decision": decision_id}
    while note and len(json.dumps(made | {"note": note})) > MOST_ORIGIN_CHARACTERS:
        note = note[:-1]
    return json.dumps(made | {"note": note} if note else made)


def _is_a_keepers(made: str) -> bool:
    """Whether an origin is of the form that :func:`origin` gives it."""
    try:
        return str(json.loads(made)["name"]).startswith(_NAME)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def file_stem(notice: Notice) -> str:
    """``STRATEGY-DECISION``, of the notice's origin."""
    made = json.loads(notice.origin)
    return f"{made['strategy']}-{made['decision']}"
