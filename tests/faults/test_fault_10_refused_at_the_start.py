"""A hostile token in an operator's configuration: refused before anything is made, or allowed and still bounded."""

from __future__ import annotations

import pytest

from keeper.chainlab.calls import read
from keeper.chainlab.deploy import Deployment
from keeper.chainlab.lab import Lab
from tests.cli.conftest import keeper
from tests.cli.operator import Operator, make_lab, make_operator
from tests.faults import token_pack

__all__ = ["keeper", "make_lab", "make_operator"]


def hostile_base(lab: Lab) -> Deployment:
    token_pack.turn(lab.anvil.rpc, lab.deployment.base, "FeeOnTransfer")
    token_pack.arm(lab.anvil.rpc, lab.deployment.base, 500)
    return lab.deployment


def allow(operator: Operator, token: str) -> None:
    operator.rewrite("strategies/eth.yaml", "chain: local", f'chain: local\nallow_tokens: ["{token}"]')


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_10_refused_at_the_start_with_file_and_line_unless_allowed(
    operator: Operator, lab: Lab, arguments: tuple[str, ...]
) -> None:
    token = hostile_base(lab).base
    refused = operator.keeper("once", *arguments)
    assert refused.code == 2 and "strategies/eth.yaml:3: the token" in refused.err, refused.err
    assert f'allow_tokens: ["{token}"]' in refused.err and "instead of" in refused.err
    assert not (operator.folder / "keeper.db-wal").exists(), "a start that fails makes nothing"
    allow(operator, token)
    allowed = operator.keeper("once", *arguments, "--json")
    outcome = allowed.json["outcomes"]["eth"]
    assert outcome["kind"] == "failed", allowed.out + allowed.err
    assert outcome["reason"].startswith("approve: then swap: simulation failed"), "the swap would lose, so no approval"


def test_10_an_allowed_token_with_a_fee_ends_in_failing_acts_and_no_position(operator: Operator, lab: Lab) -> None:
    deployment = hostile_base(lab)
    allow(operator, deployment.base)
    before = [read(lab.anvil.rpc, token, "balanceOf(address)", ("uint256",), operator.address)
              for token in (deployment.token0, deployment.token1)]  # fmt: skip
    for _ in range(3):
        outcome = operator.keeper("once", "--json").json["outcomes"]["eth"]
        assert outcome["kind"] == "failed" and "simulation failed" in outcome["reason"]
        lab.anvil.mine()
    after = [read(lab.anvil.rpc, token, "balanceOf(address)", ("uint256",), operator.address)
             for token in (deployment.token0, deployment.token1)]  # fmt: skip
    assert int(lab.anvil.rpc("eth_getTransactionCount", operator.address, "latest"), 16) == 0, "nothing was signed"
    assert after == before, "not a unit of either token has moved"
    assert operator.keeper("positions", "--json").json["positions"] == []


def test_10_check_online_shows_the_verdicts(operator: Operator, lab: Lab) -> None:
    deployment = lab.deployment
    shown = operator.keeper("check", "--online")
    assert shown.code == 0
    assert all(f"{token} is plain" in shown.out for token in (deployment.token0, deployment.token1)), shown.out
    hostile_base(lab)
    wrong = operator.keeper("check", "--online")
    assert wrong.code == 2 and f"{deployment.base} is refused: " in wrong.out
    allow(operator, deployment.base)
    allowed = operator.keeper("check", "--online")
    assert allowed.code == 0 and "allow_tokens has it" in allowed.out
