"""Row 2: bytes that were changed between plan and signature are refused, whatever was changed and however."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.plan import Approve, Step
from keeper.world.chain.rehearsal import SimulatedRehearsal
from keeper.world.executors.wallet import WalletExecutor
from keeper.world.protocols import Call, Signer
from keeper.world.signers import policy
from keeper.world.signers.decoding import decode_unsigned
from keeper.world.venues.uniswap_v3 import UniswapV3
from tests.faults.site import Site, at_work, make_site
from tests.policy.desk import Warm
from tests.world.signers import batches, scene
from tests.world.signers.mutations import Mutator, is_intended, single_field
from tests.world.signers.scene import Case
from tests.world.signers.written import CountingSigner

CASES = scene.cases()
BATCHES = [*batches.key_cases(), *batches.sent_cases()]
MUTATIONS, SOAK_MUTATIONS = 20_000, 1_000_000
BATCH_MUTATIONS, SOAK_BATCH_MUTATIONS = 5_000, 300_000
SEED = 4


def passes(case: Case, unsigned: bytes) -> bool:
    """Anything but a refusal of the policy's own is an error of the policy."""
    try:
        allowed = policy.check(case.rules, case.evidence, unsigned)
    except (SigningRefusedError, SigningLimitError):
        return False
    assert allowed.passed.unsigned == unsigned
    return True


@pytest.mark.parametrize("case", [*CASES, *BATCHES], ids=lambda case: case.name)
def test_02_what_the_keeper_makes_passes(case: Case) -> None:
    assert passes(case, case.unsigned) and is_intended(case, case.unsigned)


def require_all_refused(case: Case, *, bits: int) -> None:
    """What passes differs from the intended in nonce, gas or fees alone; or in the signatures that a Safe is given."""
    tried, honest = 0, case.unsigned
    for name, unsigned in single_field(case, bits=bits):
        if unsigned == honest:
            continue
        tried += 1
        if passes(case, unsigned):
            assert is_intended(case, unsigned), name
            of_signatures = "execTransaction" in case.name and name.startswith(("byte", "word"))
            assert of_signatures or name.startswith(("nonce", "tip", "fee", "gas", "raw byte")), name
    assert tried > 120 * bits


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_02_every_single_change_is_refused(case: Case) -> None:
    """Each field, word, byte and bit."""
    require_all_refused(case, bits=8)


@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in BATCHES])
def test_02_every_change_of_a_batch_is_refused(case: Case) -> None:
    """Each field, word and byte; one bit of each."""
    require_all_refused(case, bits=1)


@pytest.mark.soak
@pytest.mark.parametrize("case", BATCHES, ids=lambda case: case.name)
def test_02_every_single_change_of_a_batch_is_refused(case: Case) -> None:
    require_all_refused(case, bits=8)


def mutate(count: int, cases: list[Case] = CASES) -> tuple[int, int]:
    """How many of so many random changes passed as other nonces, gas and fees; and how many escaped."""
    mutator = Mutator(cases, SEED)
    harmless = escapes = 0
    for _ in range(count):
        case, unsigned = mutator.next()
        if passes(case, unsigned):
            harmless += is_intended(case, unsigned)
            escapes += not is_intended(case, unsigned)
    return harmless, escapes


def test_02_random_changes_do_not_escape() -> None:
    harmless, escapes = mutate(MUTATIONS)
    assert escapes == 0 and 0 < harmless < MUTATIONS // 20


def test_02_random_changes_of_batches_do_not_escape() -> None:
    harmless, escapes = mutate(BATCH_MUTATIONS, BATCHES)
    assert escapes == 0 and 0 < harmless < BATCH_MUTATIONS // 10


@pytest.mark.soak
@pytest.mark.parametrize(("count", "cases"), [(SOAK_MUTATIONS, CASES), (SOAK_BATCH_MUTATIONS, BATCHES)])
def test_02_a_million_random_changes_do_not_escape(count: int, cases: list[Case]) -> None:
    _, escapes = mutate(count, cases)
    assert escapes == 0


@pytest.mark.parametrize("blind", ["_check_act", "_check_envelope", "decode_unsigned"])
def test_02_the_oracle_sees_a_policy_that_looks_away(blind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a part of the policy not there, the changes would escape and be counted."""
    first = decode_unsigned(CASES[0].unsigned)
    answer = first if blind == "decode_unsigned" else None

    def looks_away(*_arguments: object, **_named: object) -> object:
        return answer

    monkeypatch.setattr(policy, blind, looks_away)
    assert mutate(500)[1] > 0


def count(site: Site) -> int:
    return int(site.rpc("eth_getTransactionCount", site.owner, "latest"), 16)


@pytest.mark.parametrize(
    "victim", ["swap", "exit", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("approve", "mint"))]
)
def test_02_calldata_changed_on_its_way_is_never_sent(
    world: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    """A whole keeper on a chain, its encoder taken over for one kind of step: there it ends, and nothing leaves."""
    honest = UniswapV3.call

    def stolen(self: UniswapV3, step: Step, owner: str, deadline: int) -> Call:
        if step.kind != victim:
            return honest(self, step, owner, deadline)
        if isinstance(step, Approve):
            return honest(self, replace(step, amount=2**256 - 1), owner, deadline)
        return honest(self, step, world.whale, deadline)

    site, counted = make_site(world, tmp_path, split=(1, 3)), CountingSigner()

    def counting(signer: Signer) -> CountingSigner:
        counted.inner = signer
        return counted

    # The rehearsal would see it too; here the policy stands alone.
    monkeypatch.setattr(WalletExecutor, "_look_ahead", lambda *_: None)
    monkeypatch.setattr(SimulatedRehearsal, "gas_units", lambda _self, _step, _call: 600_000)
    with at_work(site, signer=counting) as keeper:
        if victim == "exit":
            keeper.until_held()
            keeper.journal.set_state("site", "exiting", "out", 0)
        monkeypatch.setattr(UniswapV3, "call", stolen)
        with pytest.raises(SigningRefusedError, match=r"refused the transaction: (amount|recipient)"):
            keeper.until_held()
        with keeper.journal.reading() as query:
            kinds = [kind for (kind,) in query("SELECT kind FROM steps s JOIN transactions t ON t.step_id = s.id")]
    assert victim not in kinds and len(kinds) == len(counted.reached) == count(site)
