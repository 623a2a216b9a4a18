"""The recordings of docs/multisig.md: each block has been recorded, by the command that the script runs for it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from tests import record_multisig
from tests.record_multisig import BLOCK, LONG_HEX, PAGE, write_page


def recorded_names() -> set[str]:
    tree = ast.parse(inspect.getsource(record_multisig))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    first = [call.args[0] for call in calls if call.func.attr == "record"]  # type: ignore[attr-defined]
    return {str(node.value) for node in first if isinstance(node, ast.Constant)}


def test_every_block_of_the_page_was_recorded_with_its_command() -> None:
    blocks = {found[1]: found[0] for found in BLOCK.finditer(PAGE.read_text())}
    assert set(blocks) == recorded_names() and len(blocks) >= 10
    empty = [name for name, text in blocks.items() if "```console\n$ keeper " not in text or len(text.splitlines()) < 5]
    assert empty == []


def test_recordings_show_neither_this_machine_nor_failures() -> None:
    text = "".join(found[0] for found in BLOCK.finditer(PAGE.read_text()))
    for bad in ("Traceback", "/tmp/", "/home/", "/work", "unexpected ", "command not found", "No such file"):
        assert bad not in text, bad


def test_a_block_without_a_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- recorded: one -->\nold\n<!-- end -->\nkept\n")
    monkeypatch.setattr(record_multisig, "PAGE", page)
    with pytest.raises(SystemExit, match="two"):
        write_page({"one": "$ keeper status", "two": "$ keeper status"})
    write_page({"one": "$ keeper status\nfine"})
    kept = "<!-- recorded: one -->\n```console\n$ keeper status\nfine\n```\n<!-- end -->\nkept\n"
    assert page.read_text() == kept
    write_page({"one": "$ keeper status\nfine"})
    assert page.read_text() == kept


def test_long_calldata_is_shortened_and_hashes_are_not() -> None:
    digest = "0x" + "ab" * 32
    assert LONG_HEX.sub("", digest) == digest and LONG_HEX.search("0x8d80ff0a" + "00" * 200)
