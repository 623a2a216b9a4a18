"""Where the runs of a search are made: here, in processes of this machine, or on a Dask cluster.

Each takes a batch and gives the answers in the order of the batch, so that what a search concludes does not depend on
who was faster.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from keeper.errors import ConfigError, TransientError

Job = TypeVar("Job")
AnyJob = TypeVar("AnyJob", contravariant=True)
Answer = TypeVar("Answer")
CONNECT_SECONDS = 10


class Workers(Protocol[AnyJob, Answer]):
    """``slots``: how many jobs are worth handing over at once."""

    slots: int

    def map(self, jobs: Sequence[AnyJob]) -> list[Answer]:
        """The answers in the order of the jobs. TransientError where a worker was lost."""
        ...


class Here(Generic[Job, Answer]):
    """One after the other in this process."""

    slots = 1

    def __init__(self, work: Callable[[Job], Answer]) -> None:
        self._work = work

    def map(self, jobs: Sequence[Job]) -> list[Answer]:
        return [self._work(job) for job in jobs]


class _Processes(Generic[Job, Answer]):
    def __init__(self, work: Callable[[Job], Answer], pool: ProcessPoolExecutor, slots: int) -> None:
        self._work, self._pool, self.slots = work, pool, slots

    def map(self, jobs: Sequence[Job]) -> list[Answer]:
        try:
            return list(self._pool.map(self._work, jobs))
        except BrokenProcessPool as error:
            raise TransientError(
                "a worker process ended before its time (out of memory?); take fewer --workers, what was tried is kept"
            ) from error


@contextmanager
def processes(work: Callable[[Job], Answer], count: int) -> Iterator[Workers[Job, Answer]]:
    """So many processes of this machine; ``work`` must be a function at the top of a module. One: this process."""
    if count <= 1:
        yield Here(work)
        return
    # Spawned, not forked: threads and open databases of this process are not theirs.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        with _deaf_to_interrupts():
            # They start when they are first given something, one for each that is waiting.
            for _ in range(count):
                pool.submit(os.getpid)
        try:
            yield _Processes(work, pool, count)
        except BaseException:
            _end(pool)
            raise


def _end(pool: ProcessPoolExecutor) -> None:
    """What is half done is of no use to anybody, and the pool would wait for its end.

    The pool's thread may take it for a fault that a job which was given up is also broken, and print a traceback."""
    before, threading.excepthook = threading.excepthook, lambda _: None
    try:
        # No public way before Python 3.14.
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(cancel_futures=True)
    finally:
        threading.excepthook = before


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that start now never hear Ctrl-C: it goes to all of a terminal's, and only the first has words for it.

    What is ignored stays ignored in whatever is executed; of threads only the main one may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Cluster(Generic[Job, Answer]):
    def __init__(self, work: Callable[[Job], Answer], client: Any, slots: int) -> None:
        self._work, self._client, self.slots = work, client, slots

    def map(self, jobs: Sequence[Job]) -> list[Answer]:
        futures = [self._client.submit(self._work, job, pure=False) for job in jobs]
        try:
            return list(self._client.gather(futures))
        except (OSError, RuntimeError) as error:
            raise TransientError(f"the Dask cluster lost a worker: {error}; what was tried is kept") from error


@contextmanager
def dask_cluster(work: Callable[[Job], Answer], address: str) -> Iterator[Workers[Job, Answer]]:
    """The workers of a running Dask scheduler (``tcp://host:8786``), which must see the same data under the same path.

    Raises:
        ConfigError: Dask is not installed.
        TransientError: no scheduler answers there, or it has no worker.
    """
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ConfigError("--dask needs Dask: pip install 'range-keeper[cluster]'") from error
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise TransientError(f"no Dask scheduler answers at {address}; start one with `dask scheduler`") from error
    try:
        slots = sum(client.nthreads().values())
        if not slots:
            raise TransientError(
                f"the Dask scheduler at {address} has no worker; start some with `dask worker {address}`"
            )
        yield _Cluster(work, client, slots)
    finally:
        client.close()
