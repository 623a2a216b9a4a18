"""The file for Safe's Transaction Builder: its own test vector, what is in it, and that it is never half there."""

from __future__ import annotations

import copy
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import ConfigError
from keeper.world.protocols import Call
from keeper.world.safe.builder_file import builder_document, checksum, write_files

SAFE, OWNER = "0xDF8a1Ce35c9a6ACE153B4e0767942f1E2291a1Aa", "0x49d4450977E2c95362C13D3a31a09311E0Ea26A6"
# The file of the Builder's own test (apps/tx-builder/src/lib/checksum.test).
_INPUT = {"internalType": "address", "name": "paramAddress", "type": "address"}
_BOOL = {"internalType": "bool", "name": "paramBool", "type": "bool"}
VECTOR: dict[str, Any] = {
    "version": "1.0",
    "chainId": "4",
    "createdAt": 1646321521061,
    "meta": {
        "name": "test batch file",
        "txBuilderVersion": "1.4.0",
        "checksum": "",
        "createdFromSafeAddress": SAFE,
        "createdFromOwnerAddress": OWNER,
    },
    "transactions": [
        {
            "to": OWNER,
            "value": "0",
            "contractMethod": {"inputs": [_INPUT], "name": "testAddress", "payable": False},
            "contractInputsValues": {"paramAddress": OWNER},
        },
        {
            "to": OWNER,
            "value": "0",
            "contractMethod": {"inputs": [_BOOL], "name": "testBool", "payable": False},
            "contractInputsValues": {"paramAddress": "", "paramBool": "false"},
        },
        {"to": OWNER, "value": "2000000000000000000", "data": "0x42f45790" + "00" * 12 + OWNER[2:].lower()},
    ],
}
CHECKSUM = "0x86c81826dbf7e8a37612153294cc85fdf5c81998dd0a44b86d945502a7eace7c"
CALLS = [Call("0x" + "ab" * 20, b"\x01\x02", 7), Call("0x" + "cd" * 20, b"")]


def _document() -> dict[str, Any]:
    return builder_document(8453, SAFE.lower(), CALLS, name="Σ", description="why", created_milliseconds=1_700)


def test_the_checksum_is_the_builders() -> None:
    assert checksum(VECTOR) == CHECKSUM


def test_the_checksum_covers_everything_but_the_name() -> None:
    renamed, turned, dearer = (copy.deepcopy(VECTOR) for _ in range(3))
    renamed["meta"]["name"] = "another"
    turned["transactions"].reverse()
    dearer["transactions"][2]["value"] = "2000000000000000001"
    assert checksum(renamed) == CHECKSUM
    assert len({checksum(turned), checksum(dearer), CHECKSUM}) == 3


def test_what_the_builder_reads() -> None:
    document = _document()
    assert document["chainId"] == "8453"
    assert document["meta"]["createdFromSafeAddress"] == SAFE
    assert document["meta"]["checksum"] == checksum(document)
    first, second = document["transactions"]
    assert (first["to"].lower(), first["value"], first["data"]) == ("0x" + "ab" * 20, "7", "0x0102")
    assert (second["value"], second["data"], second["contractMethod"]) == ("0", "0x", None)


def test_files_can_be_read_by_others_and_leave_nothing_beside_them(tmp_path: Path) -> None:
    path = write_files(tmp_path / "proposals", "7", _document(), "what it does\n")
    assert json.loads(path.read_text(encoding="utf-8")) == _document()
    assert path.with_suffix(".md").read_text() == "what it does\n"
    assert sorted(each.name for each in path.parent.iterdir()) == ["7.json", "7.md"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o644}


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_files(tmp_path, "7", _document(), "old\n")

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_files(tmp_path, "7", {"meta": {}}, "new\n")
    assert json.loads(path.read_text(encoding="utf-8")) == _document()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["7.json", "7.md"]
