"""Reconciling: the journal held against the chain before anything is decided, to the wei.

More than the ledger says is a deposit. Less, a stranger's nonce, or a position that somebody else moved is not ours to
explain away: the strategy halts, in the commit that writes down what was found, and waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, Literal

from keeper import telemetry
from keeper.errors import HaltedError, TransientError
from keeper.model.ledger import NATIVE
from keeper.model.observation import Observation, Position
from keeper.world import differences
from keeper.world.chain.evidence import ChainEvidence, Transfer
from keeper.world.chain.recovery import WATCHED_BLOCKS
from keeper.world.differences import Difference, in_units
from keeper.world.journal.books import Adopted, Books, Deposit, Findings, KnownPosition, Subject, Told, together
from keeper.world.journal.reconciling import ReconciliationLog
from keeper.world.second_opinion import DISAGREES

OnUnknown = Literal["adopt", "ignore", "halt"]

_UNLIMITED: Final = 1 << 128


class WalletReconciler:
    """Implements ``Reconciler`` for one strategy of one wallet.

    ``sent_count`` is how many transactions the signer had sent when the observation was made. ``subject.signer`` None:
    others move what is in the wallet too, so that every difference in its balances is booked as theirs; that is a dry
    run, which never halts, or a Safe with owners (``has_owners``), whose positions are held to ``on_unknown_position``.
    """

    def __init__(
        self,
        log: ReconciliationLog,
        evidence: ChainEvidence,
        subject: Subject,
        *,
        sent_count: Callable[[], int],
        on_unknown_position: OnUnknown,
        has_owners: bool = False,
    ) -> None:
        self._log, self._evidence, self._subject = log, evidence, subject
        self._minds_positions = subject.signer is not None or has_owners
        self._sent_count, self._on_unknown = sent_count, on_unknown_position

    def reconcile(self, observation: Observation) -> bool:
        """Write down what differs. True when the journal's memory of the strategy is another now.

        Raises:
            HaltedError: something is not explained; the halt is in the journal already.
            TransientError: the node lags behind the journal, or does not answer.
        """
        if any(each.name == DISAGREES for each in observation.missing):
            return False  # two nodes tell different stories: neither goes into the books, and nothing is decided
        now, books = observation, self._log.books(self._subject)
        if now.block.number < books.last_block:
            raise TransientError(
                f"the node shows block {now.block.number}, the ledger knows of block {books.last_block}: it lags behind"
            )
        found = together(self._parts(now, books))
        for told in self._log.write(self._subject, now.block, found):
            telemetry.reconciled(self._subject.strategy, told.kind, told.message)
        if found.halts:
            raise HaltedError("; ".join(found.halts))
        return found.changes_memory

    def _parts(self, now: Observation, books: Books) -> Iterator[Findings]:
        yield from self._nonce(books)
        yield from self._allowances(now)
        if self._subject.strategy in books.in_flight:  # what is mined of it is not in the books yet
            yield Findings(is_settled=False)
            return
        on_chain = {position.token_id: position for position in now.positions}
        for known in books.positions:
            yield from self._known_position(known, on_chain.pop(known.token_id, None), now, books)
        for position in on_chain.values():
            yield self._unknown_position(position, now)
        yield from self._balances(now, books)
        if books.accepts_difference:
            yield Findings(uses_acceptance=True)

    def _nonce(self, books: Books) -> Iterator[Findings]:
        """A key is the keeper's alone: a nonce that the journal did not give is somebody else's."""
        signer, record = self._subject.signer, books.signer
        if signer is None:
            return
        count = self._sent_count()
        if record.halted_because is not None:
            yield Findings(halts=(f"the signer {signer} is halted: {record.halted_because}",), is_settled=False)
            return
        if record.first_nonce is None:
            yield Findings(first_nonce=count)
            return
        expected = max(record.first_nonce, -1 if record.highest_nonce is None else record.highest_nonce + 1)
        if count < record.first_nonce or (not books.in_flight and count < expected):
            raise TransientError(
                f"the node counts {count} transactions of {signer}, the journal knows of {expected}: it lags behind"
            )
        if count > expected:
            reason = (
                f"the chain counts {count} transactions of {signer}, the journal knows of {expected}: something else "
                "signs with this key, or the journal is an older copy. Find out which and stop it; "
                f"`keeper resume {self._subject.strategy}` then takes the chain's count"
            )
            yield Findings(signer_halt=reason, halts=(reason,))

    def _allowances(self, now: Observation) -> Iterator[Findings]:
        """Ours are exact, and taken back when idle: without a limit it was somebody else who gave it."""
        for each in now.wallet.allowances:
            if each.amount >= _UNLIMITED:
                sentence = "there is no limit to it, and the keeper never gives such a one; it takes it back when idle"
                yield Findings(
                    told=(Told("unlimited_allowance", f"allowance of {each.token} to {each.spender}", sentence),)
                )

    def _known_position(
        self, known: KnownPosition, position: Position | None, now: Observation, books: Books
    ) -> Iterator[Findings]:
        name = f"position {known.token_id}"
        if position is None:
            ending, holder = self._evidence.fate(known.token_id, self._subject.owner, now.block.hash)
            became = {"moved": f"was moved to {holder}", "burned": "was burned", "emptied": "was emptied"}[ending]
            sentence = f"it {became} by somebody else than the keeper, and is closed in the journal"
            lines = differences.departure_lines(known, now)
            found = Findings(entries=lines, endings=((known.token_id, ending),))
            yield together((found, self._foreign_change(Told(f"position_{ending}", name, sentence))))
        elif position.liquidity != known.liquidity:
            corrected = Findings(liquidity=((known.token_id, position.liquidity),))
            if self._log.has_touched(self._subject, known.token_id, books.reconciled_block or 0):
                yield corrected
                return
            lines = differences.change_lines(known, position, now)
            sentence = f"its liquidity went from {known.liquidity} to {position.liquidity} without a plan of the keeper"
            told = Told("position_changed", f"{name} at block {now.block.number}", sentence)
            yield together((corrected, Findings(entries=lines), self._foreign_change(told)))

    def _foreign_change(self, told: Told) -> Findings:
        if self._on_unknown != "halt" or not self._minds_positions:
            return Findings(told=(told,))
        who = "holds the key or an approval" if self._subject.signer is not None else "of the Safe's owners did it"
        remedy = f"Find out who {who}; then `keeper resume {self._subject.strategy}`"
        return Findings(told=(told,), halts=(f"{told.message}. {remedy}",))

    def _unknown_position(self, position: Position, now: Observation) -> Findings:
        name = f"position {position.token_id}"
        if self._on_unknown == "ignore":
            return Findings()
        if self._on_unknown == "halt":
            sentence = (
                "the journal does not know it, and nothing is opened beside it; set limits.on_unknown_position to "
                "adopt or ignore, or move it out of the wallet"
            )
            return Findings(told=(Told("unknown_position", name, sentence),))
        ticks = position.lower_tick, position.upper_tick
        amounts = differences.principal(*ticks, position.liquidity, now.pool)
        adopted = Adopted(position.token_id, *ticks, position.liquidity, *amounts)
        told = Told("adopted", name, f"taken in with liquidity {position.liquidity}, as money brought in by the owner")
        return Findings(entries=differences.adoption_lines(position, now), adopted=(adopted,), told=(told,))

    def _balances(self, now: Observation, books: Books) -> Iterator[Findings]:
        """Nothing is booked while anything is unexplained: the window of logs stays open for the next look."""
        # Others of this wallet that have something in flight share its gas money.
        found = [
            self._balance_as_of_now(difference, now, books)
            for difference in differences.balance_differences(now, books, with_native=not books.in_flight)
        ]
        halts = tuple(each for part in found for each in part.halts)
        if halts:
            yield Findings(halts=halts, is_settled=False)
        else:
            yield from found

    def _balance_as_of_now(self, difference: Difference, now: Observation, books: Books) -> Findings:
        """Deposits are booked when they are seen: one whose block a reorganisation took is not missing."""
        undone = self._undone_deposits(difference, now, books) if difference.amount < 0 else ()
        if not undone:
            return self._balance(difference, now, books)
        amount = sum(each.amount for each in undone)
        sentence = f"a reorganisation took back deposits of {in_units(amount, difference.decimals)} {difference.symbol}"
        told = Told("deposit_undone", f"block {now.block.number}, {difference.symbol}", sentence)
        gone = Findings(undone_lines=tuple(each.line_id for each in undone), told=(told,))
        left = replace(difference, amount=difference.amount + amount)
        return together((gone, self._balance(left, now, books))) if left.amount else gone

    def _undone_deposits(self, difference: Difference, now: Observation, books: Books) -> tuple[Deposit, ...]:
        """Those of the last blocks of which the chain no longer has what they were booked from."""
        recent = self._log.deposits_since(self._subject, difference.token, now.block.number - WATCHED_BLOCKS)
        if not recent or books.reconciled_block is None:
            return ()
        was_here = books.reconciled_block, books.reconciled_hash

        def is_undone(deposit: Deposit) -> bool:
            block = differences.block_of(deposit.evidence)
            is_missing = block is not None or self._evidence.is_unmined(deposit.evidence)
            return is_missing and self._evidence.is_other_block(*(block or was_here))

        return tuple(each for each in recent if is_undone(each))

    def _balance(self, difference: Difference, now: Observation, books: Books) -> Findings:
        transfers = self._transfers(difference, now, books)
        if self._accepts(books) or differences.is_explained(difference, transfers):
            lines = differences.balance_lines(difference, transfers, now.block)
            kind, what = ("deposit", "more") if difference.amount > 0 else ("withdrawal", "less")
            sentence = f"{difference.words} {what} than the ledger said, booked as the owner's ({len(lines)} lines)"
            told = Told(kind, f"block {now.block.number}, {difference.symbol}", sentence)
            return Findings(entries=lines, told=(told,))
        if self._is_gas(difference, books):
            return Findings(entries=differences.balance_lines(difference, (), now.block, rest="gas"))
        return Findings(halts=(self._unexplained(difference, transfers),))

    def _unexplained(self, difference: Difference, transfers: tuple[Transfer, ...]) -> str:
        held, booked = (
            in_units(raw, difference.decimals) for raw in (difference.held, difference.held - difference.amount)
        )
        gone = sum(-each.amount for each in transfers if each.amount < 0)
        seen = f", and logs show {in_units(gone, difference.decimals)} going out" if gone else ""
        return (
            f"the wallet holds {held} {difference.symbol}, the ledger says {booked}: {difference.words} differ without "
            f"a transaction of the keeper{seen}. Find out who moved it; `keeper resume {self._subject.strategy}` then "
            "books the difference as the owner's"
        )

    def _accepts(self, books: Books) -> bool:
        return books.accepts_difference or self._subject.signer is None

    def _is_gas(self, difference: Difference, books: Books) -> bool:
        """Some chains charge for a transaction what its receipt does not tell: never more than its gas again."""
        if difference.token != NATIVE or difference.amount > 0:
            return False
        return -difference.amount <= self._log.gas_since(self._subject, books.reconciled_block or 0)

    def _transfers(self, difference: Difference, now: Observation, books: Books) -> tuple[Transfer, ...]:
        if difference.token == NATIVE or books.reconciled_block is None:
            return ()
        seen = self._evidence.transfers(
            difference.token, self._subject.owner, books.reconciled_block + 1, now.block.number
        )
        return tuple(each for each in seen if not self._log.is_known(self._subject, each.transaction_hash))
