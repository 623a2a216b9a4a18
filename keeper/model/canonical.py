"""The canonical byte form of the words: what is stored, digested and replayed.

Canonical JSON: UTF-8, keys sorted, no white space, integers of any size as integers, floats in Python's shortest
round-trip form, NaN and infinities refused. Equal values give equal bytes on every platform and version, so a
decision can be compared byte for byte. Decoding is directed by the dataclass annotations.

A field that came later and means nothing at its default is marked ``WHEN_SET``: left out where it has that default, so
that what was written before it existed keeps its bytes, and can be read.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import types
import typing
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")

WHEN_SET: Final = types.MappingProxyType({"canonical": "when set"})

_encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    """Canonical bytes of a dataclass, tuple, mapping or scalar. ValueError for NaN, TypeError for a foreign type."""
    return _encode_json(plain(value)).encode()


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(encode(value)).hexdigest()


def plain(value: Any) -> Any:
    """The value as JSON-ready lists, dictionaries and scalars."""
    kind: Any = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} has no canonical form")
        return value
    if kind is tuple or kind is list:
        return [plain(item) for item in value]
    names = _field_names(kind)
    if names is not None:
        found = {name: plain(getattr(value, name)) for name in names}
        for name, default in _when_set(kind).items():
            if getattr(value, name) == default:
                del found[name]
        return found
    if kind is dict:
        return {str(key): plain(item) for key, item in value.items()}
    raise TypeError(f"{kind.__name__} has no canonical form")


def decode(kind: type[T], data: bytes | str) -> T:
    """The value of dataclass ``kind`` that ``encode`` turned into ``data``. ValueError if it does not fit."""
    result: T = from_plain(kind, json.loads(data))
    return result


def from_plain(kind: Any, value: Any) -> Any:
    """Rebuild a value of annotated type ``kind`` from its JSON-ready form."""
    return _decoder(kind)(value)


@functools.cache
def _field_names(kind: Any) -> tuple[str, ...] | None:
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _when_set(kind: Any) -> dict[str, Any]:
    """The defaults of the fields that are written only when they have another value."""
    marked = WHEN_SET.items()
    return {field.name: field.default for field in dataclasses.fields(kind) if marked <= field.metadata.items()}


@functools.cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union_decoder(arguments)
    if origin is tuple:
        return _tuple_decoder(arguments)
    if origin is dict:
        item = _decoder(arguments[1])
        return lambda value: {key: item(member) for key, member in value.items()}
    if dataclasses.is_dataclass(kind):
        return _dataclass_decoder(kind)
    if kind is float:
        return float
    return lambda value: value


def _tuple_decoder(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = _decoder(arguments[0])
        return lambda value: tuple(item(member) for member in value)
    decoders = tuple(_decoder(argument) for argument in arguments)
    return lambda value: tuple(each(member) for each, member in zip(decoders, value, strict=True))


def _union_decoder(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    """A union of dataclasses is told apart by the default of their ``kind`` field; of scalars, by the JSON type."""
    by_kind = {_kind_of(argument): _decoder(argument) for argument in arguments if _field_names(argument)}
    lone = [a for a in arguments if a is not type(None)]
    single = _decoder(lone[0]) if len(lone) == 1 else None

    def decode_union(value: Any) -> Any:
        if value is None:
            return None
        if single is not None:
            return single(value)
        if isinstance(value, dict):
            return by_kind[value["kind"]](value)
        return value

    return decode_union


def _kind_of(dataclass: Any) -> Any:
    return next((field.default for field in dataclasses.fields(dataclass) if field.name == "kind"), None)


def _dataclass_decoder(kind: Any) -> Callable[[Any], Any]:
    decoders: dict[str, Callable[[Any], Any]] = {}

    def decode_dataclass(value: Any) -> Any:
        if not decoders:  # on first use, so that a class may hold others of its own kind
            hints = typing.get_type_hints(kind)
            decoders.update({field.name: _decoder(hints[field.name]) for field in dataclasses.fields(kind)})
        if not isinstance(value, dict) or decoders.keys() - value.keys() - _when_set(kind).keys():
            raise ValueError(f"not the canonical form of {kind.__name__}")
        if value.keys() - decoders.keys():
            raise ValueError(f"not the canonical form of {kind.__name__}")
        return kind(**{name: each(value[name]) for name, each in decoders.items() if name in value})

    return decode_dataclass
