"""Safetensors: 8 bytes of length, a JSON header, raw little-endian numbers. Data only, nothing to execute.

The format: https://huggingface.co/docs/safetensors. Bytes, never a path.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOST_HEADER_BYTES = 1 << 20
# Those that a model of ours is stored in.
_TYPES = {"F64": ("<f8", 8), "F32": ("<f4", 4)}


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """What a file holds: text by name, and arrays by name (as float64)."""

    metadata: Mapping[str, str]
    arrays: Mapping[str, Array]

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """The array of that name and shape. ValueError if there is none, or a number in it is not finite."""
        import numpy as np

        found = self.arrays.get(name)
        if found is None:
            raise ValueError(f"it has no tensor {name!r}")
        if found.shape != shape:
            raise ValueError(f"tensor {name!r} has the shape {found.shape}, not {shape}")
        if not np.isfinite(found).all():
            raise ValueError(f"tensor {name!r} holds a number that is not finite")
        return found


def read(body: bytes) -> Tensors:
    """The tensors in the bytes of a safetensors file. ValueError in one sentence where they are not one."""
    header, data = _split(body)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata is not text by name")
    return Tensors(metadata, {name: _array(name, entry, data) for name, entry in header.items()})


def _split(body: bytes) -> tuple[dict[str, Any], bytes]:
    size = int.from_bytes(body[:8], "little")
    if len(body) < 8 or size > min(MOST_HEADER_BYTES, len(body) - 8):
        raise ValueError("it is not a safetensors file (no header of the length it states)")
    try:
        header = json.loads(body[8 : 8 + size])
    except ValueError as error:
        raise ValueError("it is not a safetensors file (its header is not JSON)") from error
    except RecursionError as error:
        raise ValueError("it is not a safetensors file (its header is nested too deeply)") from error
    if not isinstance(header, dict):
        raise ValueError("it is not a safetensors file (its header names nothing)")
    return header, body[8 + size :]


def _array(name: str, entry: Any, data: bytes) -> Array:
    import numpy as np

    if not isinstance(entry, dict) or {"dtype", "shape", "data_offsets"} - entry.keys():
        raise ValueError(f"tensor {name!r} is not described")
    if entry["dtype"] not in _TYPES:
        raise ValueError(f"tensor {name!r} is of type {entry['dtype']!r}, and only F32 and F64 are read")
    kind, width = _TYPES[entry["dtype"]]
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise ValueError(f"tensor {name!r} has no sound shape or place")
    start, end = offsets
    if not start <= end <= len(data) or end - start != width * math.prod(shape):
        raise ValueError(f"tensor {name!r} lies outside the file or has another size than its shape: it was cut")
    return np.frombuffer(data[start:end], dtype=kind).reshape(shape).astype(np.float64)


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def write(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file: equal arguments give equal bytes. Numbers are kept as float64."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts: list[bytes] = []
    end = 0
    for name in sorted(arrays):
        raw = arrays[name].astype("<f8").tobytes()
        header[name] = {"dtype": "F64", "shape": list(arrays[name].shape), "data_offsets": [end, end + len(raw)]}
        parts.append(raw)
        end += len(raw)
    text = json.dumps(header, sort_keys=True, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight, as the format asks
    return b"".join((len(text).to_bytes(8, "little"), text, *parts))
