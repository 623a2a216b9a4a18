"""Asking the signing policy: for a signature that it gives, or for one that it refuses with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.plan import Step
from keeper.world.signers import policy
from keeper.world.signers.envelope import unsigned_bytes
from keeper.world.signers.evidence import Evidence, Rules
from tests.world.signers import scene


def sign(known: Evidence, rules: Rules | None = None, **changes: Any) -> policy.Allowed:
    made = scene.transaction(known.step, known.deadline_timestamp, **changes)
    return policy.check(rules or scene.rules(), known, unsigned_bytes(made))


def refused(known: Evidence, sentence: str, rules: Rules | None = None, **changes: Any) -> None:
    with pytest.raises((SigningRefusedError, SigningLimitError), match=sentence):
        sign(known, rules, **changes)


def one(step: Step) -> Evidence:
    return scene.evidence((step,))
