"""The policy in front of a real key, over a real journal: what it reads there, and what it takes back from the key."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from sqlalchemy import delete, insert, select

from keeper import plugins
from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.world.journal import tables
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.protocols import Purpose
from keeper.world.signers import passed
from keeper.world.signers.decoding import decode_signed
from keeper.world.signers.envelope import with_signature
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.signers.passed import Passed
from keeper.world.signers.returned import require_ours
from tests.world.signers import scene
from tests.world.signers.written import HEAD, Written, write

ROOT = Path(__file__).parents[3]
UNPOLICED = ("test_policed.py", "test_remote.py")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.mark.parametrize("name", [*scene.PLANS])
def test_every_kind_of_step_is_signed_from_the_journal(journal: SqlJournal, name: str) -> None:
    ordinal = scene.PLANS[name][1]
    signed = write(journal, name).sign(ordinal)
    assert Account.recover_transaction(signed.raw).lower() == scene.OWNER
    assert (signed.debit_quote > 0) == name.startswith("swap")


@pytest.mark.parametrize(
    ("table", "values", "sentence"),
    [
        (tables.strategies, {"state": "halted"}, "the strategy's state is halted"),
        (tables.strategies, {"state": "paused"}, "the strategy's state is paused"),
        (tables.plans, {"state": "done"}, "the plan's state is done"),
        (tables.plans, {"owner": scene.ATTACKER}, "the plan's owner"),
        (tables.plans, {"deadline_timestamp": HEAD + 50_000}, "the plan's deadline"),
        (tables.steps, {"state": "DONE"}, "the step is DONE"),
        (tables.steps, {"ordinal": 1}, "the step's number in its plan"),
        (tables.positions, {"strategy": "another"}, "the position is 7"),
        (tables.positions, {"closed_timestamp": 5}, "the position is 7"),
    ],
)
def test_what_the_journal_says_is_looked_at_each_time(
    journal: SqlJournal, table: Any, values: dict[str, Any], sentence: str
) -> None:
    written = write(journal, "exit")
    written.sign()
    written.set(table, **values)
    with pytest.raises(SigningRefusedError, match=sentence):
        written.sign()
    assert len(written.signer.reached) == 1


def test_a_step_that_was_changed_in_the_journal_is_not_that_of_the_decision(journal: SqlJournal) -> None:
    written = write(journal, "swap token0")
    with written.engine.begin() as connection:
        body = connection.execute(select(tables.steps.c.body)).scalar_one()
    written.set(tables.steps, body=body.replace('"amount_in":1000000000', '"amount_in":1000000001'))
    with pytest.raises(SigningRefusedError, match="the step is Swap"):
        written.sign()
    assert written.signer.reached == []


def test_a_step_that_is_not_there(journal: SqlJournal) -> None:
    written = write(journal, "exit")
    with pytest.raises(SigningRefusedError, match="the journal has no step 999"):
        written.look.sign(scene.transaction(scene.EXIT, written.deadline), Purpose(999, HEAD))


def test_a_signer_that_is_halted_signs_nothing(journal: SqlJournal) -> None:
    written = write(journal, "exit")
    written.put(tables.signers, chain_id=31337, address=scene.OWNER, state="halted", reason="a stranger", first_nonce=0)
    with pytest.raises(SigningRefusedError, match="the signer's state is halted"):
        written.sign()
    written.set(tables.signers, state="running", first_nonce=9)
    with pytest.raises(SigningRefusedError, match="the nonce is 5; allowed is at least 9"):
        written.sign()


def test_no_nonce_twice(journal: SqlJournal) -> None:
    written = write(journal, "approve for a swap")
    written.put_transaction(written.step_ids[0], 5, HEAD, state="FINAL_OK")
    with pytest.raises(SigningRefusedError, match="the nonce is 5; allowed is at least 6"):
        written.sign(1)
    written.sign(1, nonce=6)


def test_a_replacement_and_a_cancellation_of_what_is_out(journal: SqlJournal) -> None:
    written = write(journal, "swap token0")
    first = written.sign()
    written.put_transaction(written.step_ids[0], 5, HEAD)
    with written.engine.begin() as connection:
        (transaction_id,) = connection.execute(select(tables.transactions.c.id)).one()
        connection.execute(insert(tables.attempts).values(
            transaction_id=transaction_id, hash="0x1", raw=first.raw, gas_limit=600_000, max_fee_wei="1",
            max_priority_fee_wei="1", cancels=False,
        ))  # fmt: skip
    raised: dict[str, Any] = {"maxFeePerGas": 33 * 10**8, "maxPriorityFeePerGas": 11 * 10**7}
    written.set(tables.strategies, state="paused")
    assert written.sign(**raised).debit_quote == 0
    with pytest.raises(SigningRefusedError, match="the fee cap of a replacement"):
        written.sign()
    empty: dict[str, Any] = {"to": scene.OWNER, "data": b"", "gas": 21_000} | raised
    assert written.sign(cancels=True, head=HEAD + 10_000, **empty).debit_quote == 0
    written.set(tables.transactions, state="FINAL_OK")
    with pytest.raises(SigningRefusedError, match="the step's transaction is settled"):
        written.sign(cancels=True, **empty)


def test_what_was_spent_is_read_from_the_journal(journal_url: str) -> None:
    """The most it can cost while it is out, then what it paid; an hour and a day back, and only this strategy's."""
    journal = open_journal(journal_url, "wallet")
    written = write(journal, "approve for a swap")
    step_id, limits = written.step_ids[0], scene.rules().limits
    evidence = journal.signing.evidence
    purpose = Purpose(written.step_ids[1], HEAD)

    def spent(at: int, **changes: Any) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        with written.engine.begin() as connection:
            connection.execute(delete(tables.transactions))
        written.put_transaction(step_id, 1, at, gas_wei=500, quote=70, **changes)
        seen = evidence(purpose, 31337, scene.OWNER)
        return tuple((s.gas_wei, s.swapped_quote, s.transactions) for s in (seen.spent_hour, seen.spent_day))  # type: ignore[return-value]

    assert spent(HEAD) == ((500, 70, 1), (500, 70, 1))
    assert spent(HEAD - 3_599) == ((500, 70, 1), (500, 70, 1))
    assert spent(HEAD - 3_600) == ((0, 0, 0), (500, 70, 1))
    assert spent(HEAD - 86_400) == ((0, 0, 0), (0, 0, 0))
    assert spent(HEAD, state="FINAL_OK", paid=(20, 4)) == ((80, 70, 1), (80, 70, 1))
    own = evidence(Purpose(step_id, HEAD), 31337, scene.OWNER)
    assert own.spent_day.transactions == 0, "a replacement does not count what it replaces"
    spent(HEAD)
    written.set(tables.transactions, debit_gas_wei=str(limits.gas_wei_per_hour))
    with pytest.raises(SigningLimitError, match="the gas cost within one hour"):
        written.sign(1, nonce=6)
    written.set(tables.plans, strategy="another")
    assert evidence(purpose, 31337, scene.OWNER).spent_day.transactions == 1


def test_an_endless_loop_ends_at_the_limit(journal: SqlJournal) -> None:
    """Approvals again and again, each with a new nonce, as fast as blocks come."""
    written = write(journal, "approve nothing")
    most = scene.rules().limits.transactions_per_hour
    signed = 0
    for number in range(2 * most):
        head = HEAD + 2 * number
        try:
            written.sign(0, nonce=100 + number, head=head, gas=50_000)
        except SigningLimitError as refusal:
            assert "the number of transactions within one hour" in str(refusal)
            break
        signed += 1
        # The step of another plan, as far as the journal can tell.
        written.put(tables.steps, plan_id=1, ordinal=50 + number, kind="approve", state="DONE", body="{}")
        with written.engine.begin() as connection:
            step_id = connection.execute(select(tables.steps.c.id).order_by(tables.steps.c.id.desc())).scalars().first()
        assert step_id is not None
        written.put_transaction(step_id, 100 + number, head, state="FINAL_OK", paid=(46_000, 10**9))
    assert signed == most


def flip_s(raw: bytes) -> bytes:
    read = decode_signed(raw)
    unsigned = b"\x02" + _list(read.payload)
    return with_signature(unsigned, 1 - read.signature.y_parity, read.signature.r, ORDER - read.signature.s)


def _list(payload: bytes) -> bytes:
    size = len(payload)
    if size < 56:
        return bytes([0xC0 + size]) + payload
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(length)]) + length + payload


LIES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "high s": (flip_s, "a signature that no chain accepts"),
    "nothing": (lambda _: b"", "something else than a signed transaction"),
    "a byte more": (lambda raw: raw + b"\0", "something else than a signed transaction"),
    "a bit of the fields": (lambda raw: raw[:9] + bytes([raw[9] ^ 1]) + raw[10:], "another transaction|something else"),
    "a bit of the signature": (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "a signature"),
    "the unsigned bytes": (lambda raw: b"\x02" + _list(decode_signed(raw).payload), "something else than a signed"),
}


@pytest.mark.parametrize("lie", [*LIES])
def test_what_is_not_ours_is_thrown_away(journal: SqlJournal, lie: str) -> None:
    change, sentence = LIES[lie]

    class Liar(KeystoreSigner):
        def sign(self, passed: Passed) -> bytes:
            return change(super().sign(passed))

    written = write(journal, "swap token0", Liar(scene.KEY))
    with pytest.raises(SigningRefusedError, match=sentence):
        written.sign()


def test_another_key_is_not_ours() -> None:
    unsigned = scene.case("mint").unsigned
    signed = KeystoreSigner(Account.from_key(b"\x09" * 32)).sign(passed.issue(unsigned))
    with pytest.raises(SigningRefusedError, match=f"not of {scene.OWNER}"):
        require_ours(signed, unsigned, scene.OWNER)
    require_ours(KeystoreSigner(scene.KEY).sign(passed.issue(unsigned)), unsigned, scene.OWNER)


@pytest.mark.parametrize("changes", [{"type": 0}, {"to": "0x12"}, {"extra": 1}, {"accessList": []}, {"nonce": -1}])
def test_what_has_no_bytes_is_refused(journal: SqlJournal, changes: dict[str, Any]) -> None:
    written: Written = write(journal, "exit")
    with pytest.raises(SigningRefusedError, match="the signing policy refused the transaction"):
        written.sign(**changes)
    assert written.signer.reached == []


# Who may pass a transaction, or a message, to a key: the policy, and the one check of what ends a delegation.
ISSUERS = {
    "issue": {"passed.py", "policy.py", "delegation.py"},
    "issue_message": {"passed.py", "policy.py", "delegation.py", "safe_policy.py"},
    "_POLICY_ALONE": {"passed.py"},
}


@pytest.mark.parametrize("name", [*ISSUERS])
def test_nobody_but_the_policy_passes_anything(name: str) -> None:
    """Read off the source: who names ``issue`` or ``issue_message`` of ``passed``, or its seal."""
    named = set()
    for file in [*ROOT.glob("keeper/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]:
        text = file.read_text()
        for node in ast.walk(ast.parse(text)) if name in text else ():
            is_named = name in (getattr(node, "id", None), getattr(node, "attr", None))
            is_import = isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names)
            is_made = isinstance(node, ast.FunctionDef) and node.name == name
            if is_named or is_import or is_made:
                named.add(str(file.relative_to(ROOT)))
    allowed = {f"keeper/world/signers/{each}" for each in ISSUERS[name]}
    assert {each for each in named if each.startswith("keeper/")} == allowed
    assert named - allowed <= {"tests/world/unpoliced.py", *(f"tests/world/signers/{each}" for each in UNPOLICED)}


def test_what_watches_over_signers_is_no_signer() -> None:
    assert plugins.available("signer") == ["keystore", "remote"]
