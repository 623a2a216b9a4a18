"""Runs the story of docs/multisig.md on a local chain and writes what the commands said into its blocks.

``make record-multisig``. Everything is real but Safe's service, which is the stand-in of ``tests/safe``. Long calldata
is shortened, and paths of this machine are taken out; nothing else is changed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.cli.operator import PASSWORD
from tests.cli.story import REPOSITORY, Story, open_story

PAGE = REPOSITORY / "docs/multisig.md"
BLOCK = re.compile(r"<!-- recorded: (\w+) -->\n.*?<!-- end -->", re.DOTALL)
LONG_HEX = re.compile(r"0x([0-9a-f]{24})[0-9a-f]{230,}([0-9a-f]{8})")


@dataclass
class Recorder:
    """Runs commands in the treasury's folder, and keeps what they said by the name of a block."""

    folder: Path
    blocks: dict[str, str] = field(default_factory=dict)

    def record(self, name: str, *lines: str) -> str:
        """Each line as a shell would run it; what all of them printed."""
        text = "\n".join(f"$ {line}\n{self._run(line)}".rstrip() for line in lines)
        self.blocks[name] = text
        return text

    def quietly(self, line: str) -> str:
        """The same, for what the page does not show."""
        return self._run(line)

    def _run(self, line: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "KEEPER_PASSWORD": PASSWORD}
        environment["KEEPER_RUNTIME_DIR"] = str(self.folder)
        program = f'keeper() {{ "{sys.executable}" -m keeper "$@"; }}; {line}'
        done = subprocess.run(
            ["/bin/bash", "-c", program], cwd=self.folder, env=environment, text=True, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        said = done.stdout.replace(str(self.folder) + "/", "").replace(str(self.folder), ".")
        if "Traceback" in said:
            raise SystemExit(f"{line}\n{said}")
        return LONG_HEX.sub(lambda found: f"0x{found[1]}…{found[2]}", said)


def tell(story: Story, recorder: Recorder) -> None:
    """The page from its check to the change of the Safe, in the page's order."""
    story.delegate()
    recorder.record("check", "keeper check --online")
    recorder.record(
        "dry", "keeper once --dry-run", "keeper explain --journal keeper.dry.db | sed -n '/^Plan/,/^Verdict/p'"
    )
    recorder.record("propose", "keeper once", "keeper status")
    recorder.record("proposals", "keeper proposals")
    number = story.open_proposal().hash[:10]
    recorder.record("verify", f"keeper proposals {number} | sed -n '/Check it yourself/,$p'")
    story.sign(0)
    story.sign(1)
    recorder.quietly("keeper once")
    signed = recorder.quietly("keeper status")
    story.execute()
    recorder.record("executed", "keeper once", "keeper positions", "keeper history")
    recorder.blocks["executed"] = f"$ keeper status\n{signed.rstrip()}\n{recorder.blocks['executed']}"
    story.move_price()
    recorder.record("rebalance", "keeper once", "keeper proposals")
    story.sign(0)
    story.sign(1)
    story.execute()
    recorder.record("rebalanced", "keeper once", "keeper history", "keeper positions")
    story.move_price()
    recorder.quietly("keeper once")
    story.wait(2 * 86_400)
    recorder.record("expired", "keeper once", "keeper proposals --all | head -22")
    story.change_threshold(3)
    recorder.record("changed", "keeper once", "keeper status | head -5", "keeper resume treasury")


def tell_of_files(recorder: Recorder) -> None:
    """Mode proposal_file, over a chain of its own."""
    recorder.record(
        "file", "keeper once", "ls proposals", "cat proposals/*.md | head -30", "head -c 600 proposals/*.json"
    )


def tell_of_atomic(story: Story, recorder: Recorder) -> None:
    """Mode atomic, from a key."""
    recorder.quietly("keeper once")
    looked = "keeper check --online | grep 'the account'"
    account = recorder.quietly(looked).rstrip()
    story.move_price()
    said = recorder.record(
        "atomic", "keeper once", "keeper history", "keeper status | tail -1", "keeper wallet undelegate"
    )
    before, mark, after = said.partition("$ keeper wallet")
    recorder.blocks["atomic"] = f"{before}$ {looked}\n{account}\n{mark}{after}"


def write_page(blocks: dict[str, str]) -> None:
    """Put each block where its name stands. SystemExit where one has no place, or a place no block."""
    text = PAGE.read_text(encoding="utf-8")
    named = {found[1] for found in BLOCK.finditer(text)}
    if named != set(blocks):
        raise SystemExit(f"blocks without a place or places without a block: {sorted(named ^ set(blocks))}")

    def filled(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- recorded: {name} -->\n```console\n{blocks[name].rstrip()}\n```\n<!-- end -->"

    PAGE.write_text(BLOCK.sub(filled, text), encoding="utf-8")


@contextmanager
def recorded(*, mode: str = "safe") -> Iterator[tuple[Story, Recorder]]:
    """A treasury in a folder that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="treasury-") as name,
        open_story(Path(name), mode=mode) as one,
    ):
        yield one, Recorder(Path(name))


def main() -> None:
    """Every story on a chain whose clock is this machine's; then the page."""
    with recorded() as (story, recorder):
        tell(story, recorder)
        blocks = dict(recorder.blocks)
    with recorded(mode="proposal_file") as (_, recorder):
        tell_of_files(recorder)
        blocks |= recorder.blocks
    with recorded(mode="atomic") as (story, recorder):
        tell_of_atomic(story, recorder)
        blocks |= recorder.blocks
    write_page(blocks)
    click.echo(f"{len(blocks)} blocks written to {PAGE}")


if __name__ == "__main__":
    main()
