"""YAML read with the line of every key kept, so that a mistake can be pointed at.

The scalar rules are YAML 1.2's: only ``true`` and ``false`` are booleans and dates stay text; underscores may group
digits (50_000), and hexadecimal stays text, since it is an address here and never a number. ``${VAR}`` is replaced
from the environment; such a value is marked and is never printed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from keeper.config_mistakes import ConfigErrors, Mistake
from keeper.errors import ConfigError

Place = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]*)?(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.?(inf|infinity|nan)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OVERRIDE_PREFIX = "KEEPER__"
# Files are written while the daemon runs, and by accident with anything: reading one must end soon, and well.
_MAX_BYTES = 64 * 1024
_MAX_VALUES = 20_000
_MAX_DEPTH = 100
_MAX_DIGITS = 80


@dataclass(slots=True)
class Document:
    """A file's values, the line of each, and what was wrong with reading them.

    ``secret`` holds the places whose text came from the environment, ``unreadable`` those already reported.
    ``warnings`` do not stand in the way of anything.
    """

    file: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)
    secret: set[Place] = field(default_factory=set)
    unreadable: set[Place] = field(default_factory=set)
    overrides: dict[Place, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)

    def mistake(self, place: Place, sentence: str) -> Mistake:
        """A mistake at a place: its own line, or that of the nearest key around it."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.overrides:
                return Mistake(f"environment variable {self.overrides[place[:length]]}", None, sentence)
            if place[:length] in self.lines:
                return Mistake(self.file, self.lines[place[:length]], sentence)
        return Mistake(self.file, None, sentence)

    def report(self, place: Place, sentence: str) -> None:
        """Note a mistake, and that nothing more need be said of this place."""
        self.unreadable.add(place)
        self.mistakes.append(self.mistake(place, sentence))

    def warn(self, place: Place, sentence: str) -> None:
        """Note what is no mistake, and what an operator would still want to know."""
        self.warnings.append(self.mistake(place, sentence))

    def is_secret(self, place: Place) -> bool:
        """Whether the value at the place, or one around it, came from the environment."""
        return any(place[:length] in self.secret for length in range(len(place) + 1))

    def is_unreadable(self, place: Place) -> bool:
        """Whether the value at the place, or one around it, has been reported already."""
        return any(place[:length] in self.unreadable for length in range(len(place) + 1))


def read_document(path: Path, environment: Mapping[str, str]) -> Document:
    """Read a YAML file. ConfigError when there is no such file or it cannot be read; what is in it is collected."""
    try:
        text = _read_whole(path).decode("utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", path=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("this is not a text file in UTF-8", path=str(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", path=str(path)) from None
    return parse_document(text, str(path), environment)


def _read_whole(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would keep the reader waiting for ever
        raise ConfigError("this is not a regular file", path=str(path))
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"this is larger than {_MAX_BYTES // 1024} kB; a configuration is a few", path=str(path))
    return content


def parse_document(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Parse YAML text. ConfigErrors when it is not YAML at all, or not a mapping."""
    too_deep = ConfigErrors([Mistake(file, None, "values are nested too deeply")])
    if _bracket_depth(text) > _MAX_DEPTH:  # the parser takes time as the square of it
        raise too_deep
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        problem = (error.problem or "cannot be parsed").replace("character '\\t'", "a tab (indent with spaces)")
        raise ConfigErrors([Mistake(file, line, f"this is not YAML: {problem}")]) from None
    except yaml.YAMLError as error:
        raise ConfigErrors([Mistake(file, None, f"this is not YAML: {' '.join(str(error).split())}")]) from None
    except RecursionError:
        raise too_deep from None
    document = Document(file)
    if root is None:
        return document
    if not isinstance(root, yaml.MappingNode):
        raise ConfigErrors([Mistake(file, root.start_mark.line + 1, "expected keys and values (key: value)")])
    document.values = _Reader(document, environment).mapping(root, ())
    return document


def _bracket_depth(text: str) -> int:
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def apply_overrides(document: Document, environment: Mapping[str, str]) -> None:
    """Lay ``KEEPER__SECTION__KEY=value`` over the document. Values are YAML: lists and mappings may be given too."""
    for variable in sorted(environment):
        if not variable.startswith(_OVERRIDE_PREFIX):
            continue
        words = variable.removeprefix(_OVERRIDE_PREFIX).lower().split("__")
        target: Any = document.values
        place: Place = ()
        for word in words[:-1]:
            key = _existing_key(target, word)
            place = (*place, key)
            if not isinstance(target.setdefault(key, {}), dict):
                target[key] = {}
            target = target[key]
        key = _existing_key(target, words[-1])
        place = (*place, key)
        document.overrides[place] = variable
        document.secret.add(place)
        target[key] = _override_value(document, environment[variable], place, environment)


def _existing_key(mapping: Mapping[str, Any], word: str) -> str:
    return next((key for key in mapping if key.lower().replace("-", "_") == word.replace("-", "_")), word)


def _override_value(document: Document, text: str, place: Place, environment: Mapping[str, str]) -> Any:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    return None if node is None else _Reader(document, environment).value(node, place)


class _Reader:
    """Turns YAML nodes into plain values, noting lines and mistakes in the document."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self._document = document
        self._environment = environment
        self._open: set[int] = set()
        self._values = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._values += 1
        if self._values > _MAX_VALUES:  # aliases of aliases: a few lines can stand for more than memory holds
            raise ConfigErrors([self._document.mistake(place, f"there are more than {_MAX_VALUES} values")])
        if len(place) > _MAX_DEPTH:
            raise ConfigErrors([self._document.mistake(place, "values are nested too deeply")])
        if not self._document.overrides:
            self._document.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        if id(node) in self._open:
            self._document.report(place, "an alias (*name) refers to what it stands in")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, place)
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.mistakes.append(Mistake(self._document.file, line, "a key must be a word"))
                continue
            key = str(key_node.value)
            inner = (*place, key)
            if key in result:
                first = self._document.lines[inner]
                sentence = f"key {key!r} stands twice, first on line {first}; keep one"
                self._document.mistakes.append(Mistake(self._document.file, line, sentence))
                continue
            if not self._document.overrides:
                self._document.lines[inner] = line
            result[key] = self.value(value_node, inner)
        return result

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text = self._substituted(str(node.value), place)
        if node.style is not None or text is None or "${" in node.value:
            return text
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self._document.report(place, f"the tag {node.tag} means nothing here; write the plain value")
            return None
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            self._document.report(place, f"expected a finite number, found {text}")
            return None
        return self._number(text, place)

    def _number(self, text: str, place: Place) -> int | float | str | None:
        if len(text) > _MAX_DIGITS and (_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text)):
            self._document.report(place, f"expected a number of at most {_MAX_DIGITS} digits")
            return None
        if _INTEGER.fullmatch(text):
            return int(text.replace("_", ""))
        if not _FLOAT.fullmatch(text) or not any(character.isdigit() for character in text):
            return text
        try:
            number = float(text.replace("_", ""))
        except ValueError:
            return text
        if not math.isfinite(number):
            self._document.report(place, f"expected a finite number, found {text}")
            return None
        return number

    def _substituted(self, text: str, place: Place) -> str | None:
        if "${" not in text:
            return text
        self._document.secret.add(place)
        missing = []
        for match in _VARIABLE.finditer(text):
            if not _VARIABLE_NAME.fullmatch(match.group(1)):
                self._document.report(place, "a variable is written ${NAME}: letters, digits and underscores")
                return None
            if match.group(1) not in self._environment:
                missing.append(match.group(1))
        if missing:
            names = ", ".join(missing)
            self._document.report(place, f"environment variable {names} is not set; export it, or write the value here")
            return None
        return _VARIABLE.sub(lambda match: self._environment[match.group(1)], text)
