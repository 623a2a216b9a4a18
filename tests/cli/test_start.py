"""Starting: what the help costs and says, and how every kind of error ends."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import click
import pytest

from keeper import __version__, cli
from keeper.cli import command_names, one_line_help
from keeper.errors import ConfigError, FatalError, HaltedError, TransientError
from tests.cli.shell import Keeper

HEAVY = ("pydantic", "rich", "structlog", "sqlalchemy", "web3", "yaml", "numpy", "keeper.commands.status", "pathlib")


def test_help_lists_every_command_and_imports_none() -> None:
    program = f"""
import sys
from keeper.cli import run
assert run(["--help"]) == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.stderr.strip() == "[]"
    assert all(name in done.stdout for name in command_names())


def test_python_dash_m_keeper() -> None:
    done = subprocess.run([sys.executable, "-m", "keeper", "nope"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("Error: there is no command 'nope'")


@pytest.mark.parametrize("name", command_names())
def test_every_command_is_described_once_and_has_an_example(name: str, keeper: Keeper) -> None:
    line = one_line_help(name)
    assert line[0].isupper() and line.endswith(".") and len(line) < 120
    help_text = keeper(name, "--help")
    assert help_text.code == 0
    assert f"keeper {name}" in help_text.out.split("Example:")[1]


def test_version(keeper: Keeper) -> None:
    assert keeper("--version").out == f"keeper {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("statu",), "there is no command 'statu'; did you mean `status`?"),
        (("status", "--jsn"), "Did you mean '--json'?; see `keeper status --help`"),
        (("pause",), "Missing argument 'STRATEGY'; see `keeper pause --help`"),
        (("history", "--limit", "0"), "'--limit'"),
        (("wallet", "nwe"), "No such command 'nwe'"),
    ],
)
def test_misuse_exits_with_2_and_one_sentence(keeper: Keeper, arguments: tuple[str, ...], expected: str) -> None:
    answer = keeper(*arguments)
    assert answer.code == 2 and answer.out == ""
    assert expected in answer.err and answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("mend this", path="a.yaml", line=3), 2),
        (TransientError("no answer"), 3),
        (FatalError("stop"), 4),
        (HaltedError("halted"), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (OSError(errno.ENOSPC, "No space left on device", "page.html"), 2),
        (RuntimeError("a defect"), 1),
        (KeyError("https://user:pw@node.example/v2/canarykey"), 1),
    ],
)
def test_every_error_becomes_one_sentence_and_its_exit_code(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.keeper, "main", fail)
    answer = keeper()
    assert answer.code == code and answer.out == ""
    assert answer.err.startswith("Error: ") and answer.err.count("\n") == 1
    assert "canarykey" not in answer.err and "pw@" not in answer.err
    if code == 1:
        assert "KEEPER_DEBUG=1" in answer.err


def test_a_traceback_is_shown_when_asked_for_and_hides_secrets(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("https://node.example/v2/canarykey")

    monkeypatch.setenv("KEEPER_DEBUG", "1")
    monkeypatch.setattr(cli.keeper, "main", fail)
    assert cli.run([]) == 1
    err = capfd.readouterr().err
    assert "Traceback" in err and "node.example" in err and "canarykey" not in err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    program = "import sys; from keeper.cli import run; sys.exit(run(['schema', 'strategy']))"
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{program}" | head -c 1; echo ${{PIPESTATUS[0]}}'],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == "{0\n" and done.stderr == ""


def test_a_reader_that_leaves_a_table_early_is_no_error() -> None:
    """rich tells of a broken pipe in its own way."""
    program = (
        "import sys; from rich.console import Console; from keeper import cli; "
        "cli.keeper.main = lambda **_: [Console().print(each) for each in range(20_000)]; sys.exit(cli.run([]))"
    )
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{program}" | head -c 1; echo ${{PIPESTATUS[0]}}'],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == "00\n" and done.stderr == ""


def test_a_full_disk_behind_stdout_is_one_sentence() -> None:
    program = "import sys; from keeper.cli import run; sys.exit(run(['schema', 'strategy']))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
        )
    assert done.returncode == 2
    assert done.stderr == "Error: no space is left on the disk: make room and try again\n"
