"""Row 33: a key file that others can read, that is a link, or whose password is wrong: no start, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keeper.chainlab.lab import Lab
from tests.cli.conftest import keeper  # noqa: F401  # a fixture
from tests.cli.operator import PASSWORD, Operator, make_lab, make_operator  # noqa: F401  # fixtures


def readable(operator: Operator) -> None:
    (operator.folder / "key.json").chmod(0o644)


def linked(operator: Operator) -> None:
    (operator.folder / "key.json").rename(operator.folder / "real.json")
    (operator.folder / "key.json").symlink_to(operator.folder / "real.json")


def gone(operator: Operator) -> None:
    (operator.folder / "key.json").unlink()


def garbled(operator: Operator) -> None:
    (operator.folder / "key.json").write_text("{}")


FAULTS: list[tuple[Callable[[Operator], None], str]] = [
    (readable, "is readable by others (mode 0644); run: chmod 600 "),
    (linked, "is a symbolic link; name the file itself"),
    (gone, "there is no key file"),
    (garbled, "is not an encrypted key file; make one with `keeper wallet new`"),
]


@pytest.mark.parametrize(("damage", "sentence"), FAULTS)
def test_33_a_key_file_that_is_not_safe_is_refused(
    operator: Operator, lab: Lab, damage: Callable[[Operator], None], sentence: str
) -> None:
    damage(operator)
    for command in (("once", "eth"), ("run",), ("once", "--dry-run")):
        answer = operator.keeper(*command)
        assert answer.code == 2 and sentence in answer.err, answer.out + answer.err
    assert int(lab.anvil.rpc("eth_getTransactionCount", operator.address, "latest"), 16) == 0


@pytest.mark.parametrize("password", ["wrong", "", None])
def test_33_a_wrong_password_is_refused(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    if password is None:
        monkeypatch.delenv("KEEPER_PASSWORD")
    else:
        monkeypatch.setenv("KEEPER_PASSWORD", password)
    answer = operator.keeper("once", "eth")
    expected = "KEEPER_PASSWORD is not set" if password is None else "wrong password for the key file"
    assert answer.code == 2 and expected in answer.err, answer.out + answer.err
    assert PASSWORD not in answer.out + answer.err
    assert operator.keeper("once", "--dry-run").code == 0, "a dry run needs no password"
