"""Runs the contracts' own mathematics in an EVM, many cases a call, and compares it with ``keeper.model``."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyrevm
from eth_utils.crypto import keccak

from keeper.chainlab.artifacts import node_modules
from keeper.chainlab.solidity import CompiledContract, compile_contract
from keeper.model.full_math import MAX_UINT256, MathError

FOLDER = Path(__file__).parent
CACHE = Path(tempfile.gettempdir()) / f"range-keeper-solidity-{getpass.getuser()}"
SENDER = "0x" + "11" * 20
BATCH = 2000

Words = tuple[int, ...]


@cache
def compiled() -> dict[str, CompiledContract]:
    sources = {name: FOLDER / name for name in ("MathHarness.sol", "PoolDriver.sol")}
    return compile_contract(sources, node_modules(), CACHE)


def new_evm() -> Any:
    evm = pyrevm.EVM(gas_limit=2**63)
    evm.set_balance(SENDER, 10**30)
    return evm


def selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


def pack(words: Iterable[int]) -> bytes:
    """ABI words; negative numbers in two's complement."""
    return b"".join((word & MAX_UINT256).to_bytes(32, "big") for word in words)


def unpack(data: bytes) -> Words:
    return tuple(int.from_bytes(data[index : index + 32], "big") for index in range(0, len(data), 32))


def signed(word: int) -> int:
    return word - 2**256 if word >= 2**255 else word


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One case on which the model and the contract differ; None stands for a revert."""

    function: str
    inputs: Words
    model: Words | None
    contract: Words | None


class MathEvm:
    """The harness contract in its own EVM."""

    def __init__(self) -> None:
        self._evm = new_evm()
        self._address = self._evm.deploy(SENDER, compiled()["MathHarness"].creation_code)

    def run(self, signature: str, output_words: int, cases: Sequence[Words]) -> list[Words | None]:
        """What the contract returns for each case, or None where it reverts."""
        answers: list[Words | None] = []
        for start in range(0, len(cases), BATCH):
            answers += self._run_batch(signature, output_words, cases[start : start + BATCH])
        return answers

    def _run_batch(self, signature: str, output_words: int, cases: Sequence[Words]) -> list[Words | None]:
        packed = b"".join(pack(case) for case in cases)
        head = selector("batch(bytes4,uint256,uint256,bytes)") + selector(signature).ljust(32, b"\0")
        arguments = pack((len(cases[0]), output_words, 128, len(packed)))
        reply = self._evm.message_call(SENDER, self._address, calldata=head + arguments + packed)
        words = unpack(reply[64:])
        record = output_words + 1
        assert len(words) == record * len(cases), "the harness answered another number of cases"
        rows = (words[index : index + record] for index in range(0, len(words), record))
        return [row[1:] if row[0] else None for row in rows]


def compare(
    evm: MathEvm, name: str, signature: str, output_words: int, model: Callable[..., Words], cases: Sequence[Words]
) -> list[Mismatch]:
    """Every case on which the model and the contract do not agree bit for bit, reverts included."""
    found = []
    for inputs, contract in zip(cases, evm.run(signature, output_words, cases), strict=True):
        try:
            answer: Words | None = tuple(word & MAX_UINT256 for word in model(*inputs))
        except MathError:
            answer = None
        if answer != contract:
            found.append(Mismatch(name, inputs, answer, contract))
    return found
