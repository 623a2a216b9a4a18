"""Row 2: bytes that were changed between plan and signature are refused, whatever was changed and however."""

from __future__ import annotations

import pytest

from keeper.errors import SigningRefusedError
from keeper.world.signers import policy
from keeper.world.signers.decoding import decode_unsigned
from tests.world.signers import scene
from tests.world.signers.mutations import Mutator, is_intended, single_field
from tests.world.signers.scene import Case

CASES = scene.cases()
MUTATIONS, SOAK_MUTATIONS = 20_000, 1_000_000
SEED = 4


def passes(case: Case, unsigned: bytes) -> bool:
    """Anything but a refusal of the policy's own is an error of the policy."""
    try:
        allowed = policy.check(case.rules, case.evidence, unsigned)
    except SigningRefusedError:
        return False
    assert allowed.passed.unsigned == unsigned
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_02_what_the_keeper_makes_passes(case: Case) -> None:
    assert passes(case, case.unsigned) and is_intended(case, case.unsigned)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_02_every_single_change_is_refused(case: Case) -> None:
    """Each field, word, byte and bit. What passes differs from the intended in nonce, gas or fees alone."""
    tried = 0
    for name, unsigned in single_field(case):
        if unsigned == case.unsigned:
            continue
        tried += 1
        if passes(case, unsigned):
            assert is_intended(case, unsigned), name
            assert name.startswith(("nonce", "tip", "fee", "gas", "raw byte")), name
    assert tried > 1_000


def mutate(count: int) -> tuple[int, int]:
    """How many of so many random changes passed as other nonces, gas and fees; and how many escaped."""
    mutator = Mutator(CASES, SEED)
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


@pytest.mark.soak
def test_02_a_million_random_changes_do_not_escape() -> None:
    _, escapes = mutate(SOAK_MUTATIONS)
    assert escapes == 0


@pytest.mark.parametrize("blind", ["_check_act", "_check_envelope", "decode_unsigned"])
def test_02_the_oracle_sees_a_policy_that_looks_away(blind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a part of the policy not there, the changes would escape and be counted."""
    first = decode_unsigned(CASES[0].unsigned)
    answer = first if blind == "decode_unsigned" else None

    def looks_away(*_arguments: object) -> object:
        return answer

    monkeypatch.setattr(policy, blind, looks_away)
    assert mutate(2_000)[1] > 0
