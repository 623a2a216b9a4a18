"""A local Ethereum node in a process of its own, which never outlives this one."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from keeper.chainlab.artifacts import anvil_binary
from keeper.chainlab.jsonrpc import Connection
from keeper.errors import ConfigError, RpcError, TransientError

CHAIN_ID = 31337
READY_SECONDS = 30.0
STOP_SECONDS = 5.0
_PORT_ATTEMPTS = 4
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class AnvilOptions:
    """How to start the node.

    ``automine`` mines every transaction as it comes; without it blocks appear only through :meth:`Anvil.mine`.
    ``genesis_seconds`` is the UNIX time of block 0 (default: now); without ``automine`` the chain's clock then stands
    still, and a block that is given no time comes one second after the last. ``fork_url`` and ``fork_block`` start
    from the state of another chain; ``chain_id`` None then keeps that chain's own id, otherwise it means 31337.
    ``history_states`` past states stay readable (None: all of them, on disk, hundreds of MB for a month of blocks);
    blocks, receipts and logs are always kept.
    """

    automine: bool = False
    chain_id: int | None = None
    genesis_seconds: int | None = None
    base_fee_wei: int | None = None
    accounts: int = 10
    history_states: int | None = 256
    fork_url: str | None = None
    fork_block: int | None = None
    extra: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """The options as anvil's command line."""
        chain_id = self.chain_id if self.chain_id is not None else None if self.fork_url else CHAIN_ID
        valued = {
            "--chain-id": chain_id,
            "--timestamp": self.genesis_seconds,
            "--block-base-fee-per-gas": self.base_fee_wei,
            "--accounts": self.accounts,
            "--prune-history": self.history_states,
            "--fork-url": self.fork_url,
            "--fork-block-number": self.fork_block,
        }
        named = [part for name, value in valued.items() if value is not None for part in (name, str(value))]
        return [*named, *(() if self.automine else ("--no-mining",)), *self.extra]


def _die_with_parent() -> None:
    """In the child before exec: Linux kills it when the thread that started it ends, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} cannot be used by the local chain ({error.strerror}); "
                "stop what is using it or choose another port"
            ) from error


class Anvil:
    """Context manager around one anvil process.

    The process dies with this one: on ``stop``, at interpreter exit, and on Linux also when this process is killed.
    (Linux ties that to the *thread* that called ``start``: start it from a thread that lives as long as the chain.)

    Raises (from ``start`` or ``with``):
        ConfigError: anvil is not installed, or ``port`` is in use.
        TransientError: it did not answer in time; the message ends with its own last words.
    """

    def __init__(self, options: AnvilOptions | None = None, *, port: int | None = None) -> None:
        self.options = options or AnvilOptions()
        self._wanted_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._connection: Connection | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The node's HTTP address."""
        return f"http://{_HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id while running."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the process and waits until it answers; see the class for errors."""
        binary = anvil_binary()
        if self._wanted_port is not None:
            _require_free(self._wanted_port)
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                self._launch(binary, self._wanted_port or _free_port())
                break
            except TransientError as error:  # between probing a port and binding it, another process may take it
                if self._wanted_port is not None or attempt == _PORT_ATTEMPTS or "in use" not in str(error):
                    raise
        atexit.register(self.stop)

    def stop(self) -> None:
        """Kills the process and frees everything; calling it again does nothing."""
        atexit.unregister(self.stop)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _launch(self, binary: Path, port: int) -> None:
        self.port = port
        self._log = tempfile.TemporaryFile(prefix="keeper-anvil-")  # noqa: SIM115 - stop() closes it
        self._scratch = tempfile.TemporaryDirectory(prefix="keeper-anvil-", ignore_cleanup_errors=True)
        place = ("--host", _HOST, "--port", str(port), "--cache-path", self._scratch.name)  # anvil cleans up nothing
        command = [str(binary), "--quiet", *place, *self.options.arguments()]
        tie: Callable[[], None] | None = _die_with_parent if sys.platform == "linux" else None
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                start_new_session=True, preexec_fn=tie, env={**os.environ, "NO_COLOR": "1"},
            )  # fmt: skip
        except OSError as error:
            self.stop()
            raise ConfigError(f"anvil could not be started: {error}", path=str(binary)) from error
        self._connection = Connection(_HOST, port)
        try:
            self._wait_until_ready()
            if not self.options.automine:
                self.rpc("anvil_setBlockTimestampInterval", 1)
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise TransientError(f"anvil stopped at once: {self.log_tail()}")
            with contextlib.suppress(TransientError):
                self.rpc("eth_chainId")
                return
            time.sleep(0.02)
        raise TransientError(f"anvil did not answer within {READY_SECONDS:.0f} s: {self.log_tail()}")

    def log_tail(self, characters: int = 600) -> str:
        """The last words the process wrote, for error messages."""
        if self._log is None:
            return "no log"
        with os.fdopen(os.dup(self._log.fileno()), "rb") as log:
            size = os.fstat(log.fileno()).st_size
            text = os.pread(log.fileno(), characters, max(0, size - characters)).decode(errors="replace")
        return " ".join(text.split()) or "it wrote nothing"

    def rpc(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call over the one open connection.

        Raises:
            RpcError: the node answered with an error.
            TransientError: the node did not answer.
        """
        if self._connection is None:
            raise TransientError("the local chain is not running; start it first")
        return self._connection.call(method, params)

    def snapshot(self) -> str:
        """Remembers the chain's whole state; the id works once."""
        return str(self.rpc("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Goes back to ``snapshot``.

        Raises:
            RpcError: there is no such snapshot, or it has been used.
        """
        if self.rpc("evm_revert", snapshot) is not True:
            raise RpcError(f"anvil has no snapshot {snapshot}")

    def mine(self, timestamp_seconds: int | None = None) -> None:
        """Mines one block with everything pending, at ``timestamp_seconds`` (default: see :class:`AnvilOptions`)."""
        self.rpc("evm_mine", *(() if timestamp_seconds is None else (hex(timestamp_seconds),)))

    def set_next_block_timestamp(self, timestamp_seconds: int) -> None:
        """Fixes the time of the next block; it must be later than the last one."""
        self.rpc("evm_setNextBlockTimestamp", hex(timestamp_seconds))

    def set_next_base_fee(self, base_fee_wei: int) -> None:
        """Fixes the base fee of the next block."""
        self.rpc("anvil_setNextBlockBaseFeePerGas", hex(base_fee_wei))

    def set_balance(self, address: str, wei: int) -> None:
        """Sets an account's native balance."""
        self.rpc("anvil_setBalance", address, hex(wei))
