"""Streams of columns out of parquet and CSV files: a batch at a time, every integer exact, every row numbered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.world.tape.events import EventBatch, EventKind
from keeper.world.tape.importers import EventLayout, kind_of

MOST_ROWS_AT_ONCE: Final = 65_536
# Of a parquet file: larger runs cost memory and are no faster.
_ROWS_A_READ: Final = 16_384
_CSV_BYTES: Final = 4 << 20
_ADDRESS: Final = re.compile("0x[0-9a-f]{40}")
# Larger magnitudes cannot be a UNIX time of the coming millennia in the finer unit, so the unit is never ambiguous.
_EPOCH_UNITS: Final = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (1 << 63, 10**9))
_HAS_TICKS: Final = (EventKind.MINT, EventKind.BURN, EventKind.COLLECT)


def bad_row(path: Path, row: int, sentence: str) -> ConfigError:
    """``row`` from 0; people count from 1."""
    return ConfigError(f"row {row + 1}: {sentence}", path=str(path))


def columns_of(path: Path) -> list[str]:
    """The names of the file's columns. ConfigError: it cannot be read, or is neither parquet nor CSV."""
    try:
        import pyarrow as pa
    except ImportError:
        raise ConfigError("reading a tape needs pyarrow: pip install pyarrow", path=str(path)) from None

    try:
        if _is_csv(path):
            with path.open(encoding="utf-8-sig") as file:
                return [name.strip().strip('"') for name in file.readline().strip().split(",") if name]
        with _parquet(path) as file:
            return list(file.schema_arrow.names)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None


def record_batches(path: Path, columns: Sequence[str], size: int = MOST_ROWS_AT_ONCE) -> Iterator[Any]:
    """Arrow record batches of the columns, in the order of the file. ConfigError: the file is damaged."""
    import pyarrow as pa

    try:
        yield from _csv_batches(path, columns) if _is_csv(path) else _parquet_batches(path, columns, size)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> ConfigError:
    """The sentence for a file that cannot be opened or read to its end."""
    if isinstance(error, OSError) and error.strerror:
        return ConfigError(f"cannot be read: {error.strerror.lower()}", path=str(path))
    words = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    return ConfigError(
        f"cannot be read ({words}): it is cut short, damaged or of another kind than its name says; fetch it again",
        path=str(path),
    )


def event_batches(
    path: Path, layout: EventLayout, *, size: int = MOST_ROWS_AT_ONCE, first_row: int = 0
) -> Iterator[EventBatch]:
    """The events of one file. ConfigError names the row of what cannot be read."""
    row = first_row
    for raw in record_batches(path, layout.columns, size):
        for start in range(0, raw.num_rows, size):
            part = raw.slice(start, size)
            yield BatchColumns(part, path, row).events(layout)
            row += part.num_rows


class BatchColumns:
    """One record batch; ``row`` is the number (from 0) of its first row in the file."""

    def __init__(self, batch: Any, path: Path, row: int) -> None:
        self._batch, self._path, self._row = batch, path, row

    def events(self, layout: EventLayout) -> EventBatch:
        kind = self._kinds(layout.event)
        swap, mint_or_burn = kind == EventKind.SWAP, (kind == EventKind.MINT) | (kind == EventKind.BURN)
        priced, ranged = swap | (kind == EventKind.INITIALIZE), np.isin(kind, _HAS_TICKS)
        liquidity = self.limbs(layout.liquidity, 2, needed=swap, signed=False)
        if layout.change != layout.liquidity:
            change = _magnitude(self.limbs(layout.change, 4, needed=mint_or_burn, signed=True))[:, :2]
            liquidity = np.where(mint_or_burn[:, None], change, liquidity)
        liquidity[~(swap | mint_or_burn)] = 0
        owner, owners = self._owners(layout.owner, ranged)
        price = self.limbs(layout.price, 4, needed=priced, signed=False)
        price[~priced] = 0
        return EventBatch(
            kind=kind,
            block_number=self.small(layout.block, np.int64),
            timestamp=self.timestamps(layout.time),
            log_index=self.small(layout.log, np.int64),
            amount_0=self.limbs(layout.amount_0, 4, needed=kind != EventKind.INITIALIZE, signed=True),
            amount_1=self.limbs(layout.amount_1, 4, needed=kind != EventKind.INITIALIZE, signed=True),
            sqrt_price_x96=price,
            liquidity=liquidity,
            tick=self.small(layout.tick, np.int32, needed=priced, keep=priced),
            lower_tick=self.small(layout.lower, np.int32, needed=ranged, keep=ranged),
            upper_tick=self.small(layout.upper, np.int32, needed=ranged, keep=ranged),
            owner=owner,
            owners=owners,
        )

    def limbs(
        self, name: str, count: int, *, signed: bool, needed: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint64]:
        """Integers of any size; ``needed``: the rows that must have one."""
        from keeper.world.tape import limb_text

        column = self._numbers(name)
        self._require(column, name, needed)
        try:
            return limb_text.limbs_of(column, count, signed=signed)
        except limb_text.UnreadableIntegerError as error:
            raise self._no_integer(error.row, name, error.text) from None

    def small(
        self, name: str, dtype: Any, *, needed: NDArray[np.bool_] | None = None, keep: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Integers of at most 64 bits; "7.0" passes for 7, since tables with gaps are often written so. 0 outside of
        ``keep``."""
        from keeper.world.tape import limb_text

        column = self._numbers(name)
        self._require(column, name, needed)
        try:
            wide = limb_text.limbs_of(column, 1, signed=True, point_zero=True).view(np.int64).ravel()
        except limb_text.UnreadableIntegerError as error:
            raise self._no_integer(error.row, name, error.text) from None
        if keep is not None:
            wide = np.where(keep, wide, 0)
        limit = np.iinfo(dtype)
        beyond = (wide < limit.min) | (wide > limit.max)
        if beyond.any():
            at = int(np.argmax(beyond))
            raise bad_row(self._path, self._row + at, f"{name} {wide[at]} is out of all bounds; fetch the file again")
        return wide.astype(dtype)

    def timestamps(self, name: str) -> NDArray[np.int64]:
        """UNIX seconds of dates, ISO 8601 text (UTC unless it says otherwise), or epoch s, ms, µs or ns."""
        import pyarrow as pa

        column = self._batch.column(name)
        self._require(column, name, None)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = self._from_text(column, name)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            unit = pa.timestamp("s", getattr(column.type, "tz", None))
            return np.asarray(column.cast(unit, safe=False).cast(pa.int64()).to_numpy(zero_copy_only=False))
        if not pa.types.is_integer(column.type):
            raise ConfigError(f"column {name} holds {column.type}, not times; give ISO 8601", path=str(self._path))
        numbers = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
        most = int(np.abs(numbers).max(initial=0))
        return np.asarray(numbers // next(part for bound, part in _EPOCH_UNITS if most < bound), dtype=np.int64)

    def _from_text(self, column: Any, name: str) -> Any:
        import pyarrow as pa

        for kind in (pa.int64(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
            try:
                return column.cast(kind)
            except pa.ArrowInvalid:
                continue
        for at, value in enumerate(column):
            try:
                value.cast(pa.timestamp("us"))
            except pa.ArrowInvalid:
                raise bad_row(
                    self._path, self._row + at, f"{name} {value.as_py()!r} is not a time; give ISO 8601, all rows alike"
                ) from None
        raise ConfigError(f"column {name} mixes kinds of times; give ISO 8601, all rows alike", path=str(self._path))

    def _kinds(self, name: str) -> NDArray[np.uint8]:
        column = self._batch.column(name)
        self._require(column, name, None)
        codes, names = _encoded(column)
        known = [kind_of(str(each)) for each in names]
        if None in known:
            at = int(np.argmax(codes == known.index(None)))
            word = names[known.index(None)]
            kinds = ", ".join(kind.name for kind in EventKind)
            raise bad_row(self._path, self._row + at, f"{name} {word!r} is none of {kinds}; drop or mend the row")
        return np.array([int(kind) for kind in known if kind is not None], dtype=np.uint8)[codes]

    def _owners(self, name: str, ranged: NDArray[np.bool_]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Places in a list of lower-case addresses; -1 where there is none."""
        codes, names = _encoded(self._batch.column(name))
        codes = np.where(ranged, codes, -1)
        words = [str(each or "").lower() for each in names]
        wrong = [place for place, word in enumerate(words) if word and not _ADDRESS.fullmatch(word)]
        for place in wrong:
            if (codes == place).any():
                at = int(np.argmax(codes == place))
                raise bad_row(self._path, self._row + at, f"{name} {words[place][:60]!r} is not an address; mend it")
        used = tuple(sorted({words[place] for place in np.unique(codes) if place >= 0 and words[place]}))
        places = [used.index(word) if word in used else -1 for word in words]
        return np.array([*places, -1], dtype=np.int32)[codes], used

    def _numbers(self, name: str) -> Any:
        import pyarrow as pa

        column = self._batch.column(name)
        if pa.types.is_floating(column.type):
            raise ConfigError(
                f"column {name} holds floating-point numbers, which cannot hold such integers exactly: they are "
                "damaged; export it as text or as integers",
                path=str(self._path),
            )
        if any(is_so(column.type) for is_so in (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)):
            raise ConfigError(f"column {name} holds {str(column.type)[:40]}, not integers; export it as text",
                              path=str(self._path))  # fmt: skip
        if pa.types.is_dictionary(column.type) or pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
            return column.cast(pa.large_string())
        return column

    def _require(self, column: Any, name: str, needed: NDArray[np.bool_] | None) -> None:
        if not column.null_count:
            return
        missing = ~np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
        if needed is not None:
            missing &= needed
        if missing.any():
            at = int(np.argmax(missing))
            raise bad_row(self._path, self._row + at, f"{name} is empty; fetch the file again or drop the row")

    def _no_integer(self, at: int, name: str, text: str) -> ConfigError:
        row = self._row + at
        if re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", text) and re.search(r"[.eE]", text):
            return bad_row(
                self._path, row,
                f"{name} {text[:40]!r} has gone through floating point and is damaged; export integers as text",
            )  # fmt: skip
        if text.lower() in ("nan", "none", "null", "inf", "-inf", ""):
            return bad_row(self._path, row, f"{name} {text!r} stands where an integer must; drop or mend the row")
        return bad_row(self._path, row, f"{name} {text[:90]!r} is no integer that a pool can have; fetch it again")


def _magnitude(limbs: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Without the sign. Exact for magnitudes below 2**128."""
    negative = (limbs[:, 3] >> np.uint64(63)).astype(bool)
    out = limbs.copy()
    low = ~limbs[negative, 0] + np.uint64(1)
    out[negative, 0] = low
    out[negative, 1] = ~limbs[negative, 1] + (low == 0).astype(np.uint64)
    return out


def _encoded(column: Any) -> tuple[NDArray[np.int64], list[Any]]:
    """Places in a list of distinct values; -1 for nothing."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes = column.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, dtype=np.int64), column.dictionary.to_pylist()


def _is_csv(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise ConfigError("a tape is a folder, or a file that ends in .parquet or .csv", path=str(path))
    if not path.exists():
        raise ConfigError("cannot be read: no such file", path=str(path))
    return suffix == ".csv"


def _parquet(path: Path) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=1 << 20)


def _parquet_batches(path: Path, columns: Sequence[str], size: int) -> Iterator[Any]:
    with _parquet(path) as file:
        yield from file.iter_batches(min(size, _ROWS_A_READ), columns=list(columns), use_threads=False)


def _csv_batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()), include_columns=list(columns), strings_can_be_null=True,
        null_values=[""], quoted_strings_can_be_null=True,
    )  # fmt: skip
    with csv.open_csv(path, read_options=csv.ReadOptions(block_size=_CSV_BYTES, use_threads=False),
                      convert_options=convert) as file:  # fmt: skip
        yield from file
