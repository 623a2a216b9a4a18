"""Turns what pydantic says about a document into sentences that stand at a file and line."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from keeper.config_mistakes import Mistake, shown, suggestion
from keeper.config_yaml import Document, Place

Model = TypeVar("Model", bound=BaseModel)

FEE_SENTENCE = "fee is in Uniswap units; 500 means 0.05 %"

_SHAPES = {
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "model_type": "expected keys and values (key: value)",
    "dict_type": "expected keys and values (key: value)",
    "model_attributes_type": "expected keys and values (key: value)",
    "list_type": "expected a list ([a, b])",
    "tuple_type": "expected a list ([a, b])",
    "finite_number": "expected a finite number",
    "path_type": "expected a path",
}
_SHAPE_ERRORS = {"string_type", "model_type", "dict_type", "list_type", "tuple_type", "model_attributes_type"}
_PATTERNS = {
    r"^0x[0-9a-fA-F]{40}$": "expected an address: 0x and 40 hexadecimal digits",
    r"^[a-z0-9][a-z0-9_-]{0,62}$": "expected lower-case letters, digits, - and _ (at most 63)",
    r"^https?://[^\s/?#]+/?$": "expected the address of a server, such as https://www.deribit.com",
    r"^\d{4}-\d{2}-\d{2}$": "expected a date such as 2027-01-31",
}
_BOUNDS = {
    "greater_than": ("gt", "must be above"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be below"),
    "less_than_equal": ("le", "must be at most"),
}


def validate(model: type[Model], document: Document, values: dict[str, Any], place: Place = ()) -> Model | None:
    """The values as a model; None when there is any mistake, which is then noted in the document.

    ``values`` is what stands at ``place`` in the document.
    """
    try:
        result = model.model_validate(values)
    except ValidationError as error:
        document.mistakes += _mistakes(model, error, document, values, place)
        return None
    wrong = [where for where in _booleans_taken_as_numbers(values, result) if not document.is_unreadable(place + where)]
    for where in wrong:
        document.report(place + where, f"{_name(where)}: expected a number, not true or false")
    return None if wrong else result


def known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that a model allows at a place of its values."""
    return sorted({name for candidate in _models_at(model, place) for name in candidate.model_fields})


def _mistakes(
    model: type[BaseModel], error: ValidationError, document: Document, values: dict[str, Any], prefix: Place
) -> Iterator[Mistake]:
    found: dict[Place, list[tuple[ErrorDetails, bool]]] = {}
    for detail in error.errors(include_url=False):
        place, inside_union = _locate(detail, values)
        found.setdefault(place, []).append((detail, inside_union))
    for place, details in found.items():
        if document.is_unreadable(prefix + place):
            continue
        if _is_wrong_branch(place, details, found):
            continue
        sentences = list(dict.fromkeys(_sentence(model, d, document, values, prefix, place) for d, _ in details))
        # Several branches of a union all refused the same value: one sentence says what any of them expected.
        yield document.mistake(prefix + place, " or ".join(sentences))


def _locate(detail: ErrorDetails, values: Any) -> tuple[Place, bool]:
    """Where pydantic's ``loc`` lies in the values; the names of union branches in it are left out."""
    place: Place = ()
    node = values
    inside_union = False
    location = detail["loc"]
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if _has(node, part):
            node = node[part]
        elif not (last and detail["type"] == "missing"):
            inside_union = True
            continue
        place = (*place, part)
    return place, inside_union


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, dict) and part in node


def _is_wrong_branch(
    place: Place, details: Sequence[tuple[ErrorDetails, bool]], found: dict[Place, list[tuple[ErrorDetails, bool]]]
) -> bool:
    """Another branch of the union got further into the value, so what this one says about its shape is noise."""
    deeper = any(len(other) > len(place) and other[: len(place)] == place for other in found)
    return deeper and all(inside and detail["type"] in _SHAPE_ERRORS for detail, inside in details)


def _sentence(
    model: type[BaseModel], detail: ErrorDetails, document: Document, values: Any, prefix: Place, place: Place
) -> str:
    name = _name(place)
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key {name!r}{suggestion(name, known_keys(model, place[:-1]), 'keys')}"
    if kind == "missing":
        return f"key {name!r} is missing{_description(model, place)}"
    value = _value_at(values, place)
    secret = document.is_secret(prefix + place) or _is_secret_field(model, place)
    found = shown(value, name, secret=secret)
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        text = f"{name} {words} {context[bound]}{found}"
    elif kind == "literal_error":
        text = f"{name}: expected {context['expected']}{found}"
    elif kind == "string_pattern_mismatch":
        text = f"{name}: {_PATTERNS.get(context['pattern'], 'expected the form ' + context['pattern'])}{found}"
    elif kind in ("value_error", "assertion_error"):
        text = str(context["error"]) if len(place) == 0 else f"{name}: {context['error']}"
    else:
        text = f"{name}: {_expectation(kind, detail)}{found}"
    return f"{text}; {FEE_SENTENCE}" if name == "fee" else text


def _expectation(kind: str, detail: ErrorDetails) -> str:
    if kind in _SHAPES:
        return _SHAPES[kind]
    if kind.startswith("int_"):
        return "expected a whole number"
    if kind.startswith(("float_", "decimal_")):
        return "expected a number"
    if kind == "too_short":
        return "must not be empty"
    message = detail["msg"]
    return message[0].lower() + message[1:]


def _name(place: Place) -> str:
    words = [part for part in place if isinstance(part, str)]
    return words[-1] if words else "the file"


def _description(model: type[BaseModel], place: Place) -> str:
    for candidate in _models_at(model, place[:-1]):
        described = candidate.model_fields.get(str(place[-1]))
        if described is not None and described.description:
            return f": {described.description}"
    return ""


def _is_secret_field(model: type[BaseModel], place: Place) -> bool:
    for length in range(len(place)):
        for candidate in _models_at(model, place[:length]):
            described = candidate.model_fields.get(str(place[length]))
            if described is not None and SecretStr in _parts_of(described.annotation):
                return True
    return False


def _models_at(model: type[BaseModel], place: Place) -> list[type[BaseModel]]:
    """The models that describe what stands at the place. A key of a free mapping keeps the models it holds."""
    candidates = [model]
    for part in place:
        described = [candidate.model_fields[str(part)] for candidate in candidates if part in candidate.model_fields]
        if described:
            parts = [inner for one in described for inner in _parts_of(one.annotation)]
            candidates = [inner for inner in parts if isinstance(inner, type) and issubclass(inner, BaseModel)]
    return candidates


def _parts_of(annotation: Any) -> list[Any]:
    arguments = typing.get_args(annotation)
    if not arguments:
        return [annotation]
    return [inner for argument in arguments for inner in _parts_of(argument)]


def _value_at(values: Any, place: Place) -> Any:
    for part in place:
        values = values[part]
    return values


def _booleans_taken_as_numbers(values: Any, result: Any, place: Place = ()) -> Iterator[Place]:
    """Places where ``true`` was quietly read as the number 1."""
    if isinstance(values, bool):
        if not isinstance(result, bool) and isinstance(result, int | float):
            yield place
    elif isinstance(values, dict):
        for key, value in values.items():
            inner = result.get(key) if isinstance(result, dict) else getattr(result, key, None)
            yield from _booleans_taken_as_numbers(value, inner, (*place, key))
    elif isinstance(values, list) and isinstance(result, list | tuple):
        for index, (value, inner) in enumerate(zip(values, result, strict=False)):
            yield from _booleans_taken_as_numbers(value, inner, (*place, index))


def names_a_server(url: str) -> bool:
    """Whether a URL leads to some host: half of one, or a stray space, would only show when it is used."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and host.isprintable() and " " not in host and port != 0
