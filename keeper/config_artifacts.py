"""Files that a plug-in is built from (weights of a trained model): read beside the strategy, named by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keeper import plugins
from keeper.config_yaml import Document

MOST_BYTES = 16 * 2**20
TRAIN = "`keeper train` writes it"


def read_artifacts(
    document: Document, section: str, values: dict[str, Any], *, quote_is_token0: bool
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The section with the digests of its files completed, and the files by digest; mistakes go into the document.

    A digest that the operator wrote is a wish: another file is refused. The plug-in is built once, so that a file that
    it cannot use is found here and not at the first decision.
    """
    module = plugins.find(section, values["kind"])
    found: dict[str, bytes] = {}
    completed = dict(values)
    for name in plugins.artifacts(module):
        body = _read(document, (section, name), Path(str(values[name])))
        if body is None:
            return values, {}
        digest, wanted = hashlib.sha256(body).hexdigest(), values.get(f"{name}_sha256")
        if wanted is not None and wanted != digest:
            place = (section, f"{name}_sha256")
            document.report(
                place,
                f"{values[name]} is another file than this digest names (its SHA-256 is {digest}); put the file back, "
                f"or take {name}_sha256 out if the new one is meant",
            )
            return values, {}
        completed[f"{name}_sha256"] = digest
        found[digest] = body
    if found:
        _try(document, section, completed, found, quote_is_token0=quote_is_token0)
    return completed, found


def _read(document: Document, place: tuple[str, str], named: Path) -> bytes | None:
    path = named.expanduser()
    file = path if path.is_absolute() else Path(document.file).parent / path
    try:
        if file.stat().st_size > MOST_BYTES:
            document.report(
                place, f"{file} has more than {MOST_BYTES:,} bytes: no weights of a model that fits in a keeper"
            )
            return None
        return file.read_bytes()
    except FileNotFoundError:
        document.report(place, f"there is no file {file}; {TRAIN}")
    except OSError as error:
        document.report(place, f"{file} cannot be read: {error.strerror}")
    return None


def _try(
    document: Document, section: str, values: dict[str, Any], found: Mapping[str, bytes], *, quote_is_token0: bool
) -> None:
    module = plugins.find(section, values["kind"])
    try:
        plugins.build(module, values, quote_is_token0=quote_is_token0, artifact=found.__getitem__)
    except ValueError as error:
        name = plugins.artifacts(module)[0]
        document.report((section, name), f"{values[name]} cannot be used: {error}; {TRAIN} anew")
