"""Row 34: canaries in every place where a secret may stand, and every error that can be brought about. They are in no
output, no journal, no page, no log and no process list.

The program runs as the operator runs it: a process of its own, with debugging switched on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keeper import redaction
from keeper.chainlab.lab import Lab
from keeper.world.signers import keystore
from tests.cli.conftest import keeper, make_lab, make_operator
from tests.cli.operator import Operator
from tests.cli.recorder import Recorder
from tests.cli.shell import Keeper

__all__ = ["keeper", "make_lab", "make_operator"]

PRIVATE_KEY = "0x" + "5ca1ab1e" * 8
PASSWORD = "canary-password-9f3b1c"
URL_KEY, URL_QUERY, URL_USER = "canaryUrlKey0123456789", "canaryQuery0123456789", "canaryUser0123456789"
ALERT_TOKEN = "canaryAlert0123456789"
CANARIES = (PRIVATE_KEY[2:], PASSWORD, URL_KEY, URL_QUERY, URL_USER, ALERT_TOKEN)
# What a defect looks like: an error that nobody raises on purpose, with the secrets in its text and in its frames.
DEFECT = """
import sys
from keeper import cli
from keeper.world.chain.node import HttpNode
def broken(self, method, params):
    raise RuntimeError(f"defect at {vars(self)!r} with {KEY}")
KEY = "%s"
HttpNode.request = HttpNode.batch = HttpNode.batch_outcomes = broken
sys.exit(cli.run(sys.argv[1:]))
"""


@dataclass
class Haunted:
    """An operator's folder full of canaries; everything that was ever said is kept."""

    folder: Path
    keeper: Keeper
    said: list[str] = field(default_factory=list)

    def run_here(self, *arguments: str) -> str:
        """In this process, without debugging: quicker, and the sentence is the same."""
        answer = self.keeper(*arguments)
        assert_clean(answer.out + answer.err, " ".join(arguments))
        return answer.out + answer.err

    def run(self, *arguments: str, code: int | None = None, program: str | None = None, stdin: str = "") -> str:
        head = [sys.executable, "-m", "keeper"] if program is None else [sys.executable, "-c", program]
        done = subprocess.run(
            [*head, *arguments], cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=90,
            input=stdin, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        self.said.append(said)
        assert_clean(said, " ".join(arguments))
        assert code is None or done.returncode == code, said
        return said

    def rewrite(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def assert_no_file_holds_one(self) -> None:
        """Every byte in the folder but the configuration itself (and the encrypted key, which holds none in clear)."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name != "keeper.yaml":
                assert_clean(path.read_bytes().decode("latin-1"), str(path))


def environment() -> dict[str, str]:
    repository = str(Path(__file__).resolve().parent.parent.parent)
    own = {"PYTHONPATH": repository, "KEEPER_PASSWORD": PASSWORD, "KEEPER_DEBUG": "1", "NODE_KEY": URL_KEY}
    return {name: value for name, value in os.environ.items() if not name.startswith("KEEPER")} | own


def assert_clean(text: str, where: str) -> None:
    for canary in CANARIES:
        assert canary.lower() not in text.lower(), f"{where}: …{_around(text, canary)}…"


def _around(text: str, canary: str) -> str:
    at = text.lower().index(canary.lower())
    return text[max(0, at - 200) : at + 20]


@pytest.fixture
def haunted(operator: Operator, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Haunted]:
    monkeypatch.setattr(redaction, "_never_show", set())  # nothing was said of these secrets before
    monkeypatch.setenv("KEEPER_PASSWORD", PASSWORD)
    monkeypatch.setenv("NODE_KEY", URL_KEY)
    folder = operator.folder
    (folder / "key.json").unlink()
    keystore.import_key(folder / "key.json", PRIVATE_KEY, PASSWORD, scrypt_work=2)
    made = Haunted(folder, operator.keeper)
    with Recorder(lab.anvil.url) as node:  # any path will do there
        real = f'"http://{URL_USER}:{URL_QUERY}@127.0.0.1:{node.server_port}/v2/${{NODE_KEY}}?apikey={URL_QUERY}"'
        made.rewrite("keeper.yaml", f'"{lab.anvil.url}"', real)
        with (folder / "keeper.yaml").open("a") as file:
            file.write(f'alerts: ["tgram://{ALERT_TOKEN}/42"]\n')
        yield made


def test_34_what_goes_well_says_nothing_secret(haunted: Haunted, lab: Lab) -> None:
    """A cycle that signs and sends, and everything that can be asked about it afterwards."""
    address = re.search(r"0x[0-9a-fA-F]{40}", haunted.run("wallet", "show"))
    assert address is not None
    base, stable = 10 * 10**18, 20_000 * 10**6
    amounts = (base, stable) if lab.deployment.base_is_token0 else (stable, base)
    lab.market.fund(address.group(), *amounts, 10**19)
    haunted.run("check")
    said = haunted.run("once", "--json", code=0)
    assert '"done"' in said, said
    asked = "status", "status --json", "explain", "explain --json", "history", "history --json", "positions", "replay"
    for command in (*asked, "pause eth", "resume eth", "exit eth"):
        haunted.run_here(*command.split())
    haunted.assert_no_file_holds_one()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("keeper.yaml", "127.0.0.1", "127.0.0.2"),  # nobody answers
        ("keeper.yaml", "http://", "ftp://"),
        ("keeper.yaml", "http://", "http://["),
        ("keeper.yaml", "/v2/", ":99999/v2/"),
        ("keeper.yaml", "chain_id: 31337", "chain_id: 5"),
        ("keeper.yaml", "rpc: [", "rpcs: ["),
        ("keeper.yaml", "rpc: [", "rpc: [["),
        ("keeper.yaml", "confirmations: 1", f"confirmations: '{PASSWORD}'"),
        ("keeper.yaml", "execution: {mode: wallet}", f"execution: {{mode: '{URL_KEY}'}}"),
        ("keeper.yaml", "execution: {mode: wallet}", f"signer: {{private_key: '{PRIVATE_KEY}'}}"),
        ("keeper.yaml", "execution: {mode: wallet}", f"signer: {{url: '{PRIVATE_KEY}', kind: remot}}"),
        ("keeper.yaml", "execution: {mode: wallet}", f"journal: postgresql://me:{PASSWORD}@127.0.0.1:1/keeper"),
        ("keeper.yaml", "execution: {mode: wallet}", f"journal: 'sqlite:////nowhere/{URL_KEY}/x.db?{URL_KEY}'"),
        ("strategies/eth.yaml", "name: eth", f"name: '{PRIVATE_KEY}'"),
        ("strategies/eth.yaml", "chain: local", f"chain: '{PRIVATE_KEY}'"),
        ("strategies/eth.yaml", "chain: local", "chain: ${NODE_KEY}"),
    ],
)  # fmt: skip
def test_34_what_is_written_wrong(haunted: Haunted, file: str, old: str, new: str) -> None:
    haunted.rewrite(file, old, new)
    said = haunted.run_here("once")
    assert "Error: " in said and "unexpected" not in said, said
    if file == "keeper.yaml":
        haunted.assert_no_file_holds_one()


def test_34_a_defect_with_the_secrets_in_its_own_words(haunted: Haunted) -> None:
    """KEEPER_DEBUG prints the traceback; what stands in it is masked."""
    for command in ("once", "run"):
        said = haunted.run(command, program=DEFECT % PRIVATE_KEY)
        assert "Traceback" in said and "defect at" in said and "[hidden]" in said, said


def test_34_a_key_or_password_that_is_wrong(haunted: Haunted) -> None:
    haunted.run("wallet", "import", "--path", "second.json", stdin=PRIVATE_KEY[:-1] + "\n")
    haunted.run("wallet", "import", "--path", "second.json", stdin=PRIVATE_KEY + "\n" + PASSWORD + "\n")
    haunted.run_here("wallet", "import", PRIVATE_KEY)  # a key where none belongs
    (haunted.folder / "key.json").write_text("{" + '"crypto": 1}')
    haunted.run_here("once")
    (haunted.folder / "key.json").chmod(0o644)
    haunted.run_here("once")


def test_34_a_daemon_and_its_process(haunted: Haunted) -> None:
    """Nothing on its command line, which anybody on the machine may read; nothing in its log, which others keep."""
    with subprocess.Popen(
        [sys.executable, "-m", "keeper", "run", "--dry-run"], cwd=haunted.folder, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        log = [process.stdout.readline()]
        while "cycle_" not in log[-1] and log[-1]:
            log.append(process.stdout.readline())
        assert_clean(Path(f"/proc/{process.pid}/cmdline").read_text(), "its command line")
        children = [
            path.parent for path in Path("/proc").glob("[0-9]*/stat")
            if _parent(path) == process.pid
        ]  # fmt: skip
        for child in children:
            assert_clean((child / "cmdline").read_text(), "a child's command line")
            assert_clean((child / "environ").read_text(), "a child's environment")
        haunted.rewrite("strategies/eth.yaml", "name: eth", f"nam: '{URL_KEY}'")
        time.sleep(0.5)
        process.terminate()
        log.append(process.communicate(timeout=30)[0])
    assert any("cycle_" in line for line in log), log
    assert_clean("".join(log), "the daemon's log")
    haunted.rewrite("strategies/eth.yaml", f"nam: '{URL_KEY}'", "name: eth")
    haunted.assert_no_file_holds_one()


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended meanwhile
        return None
