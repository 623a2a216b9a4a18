"""The documents say what the code does: links lead somewhere, commands and options exist, tables match settings."""

from __future__ import annotations

import ast
import os
import re
import shlex
import types
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import click
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from keeper import plugins
from keeper.assembly import build_strategy
from keeper.cli import LazyGroup, command_names
from keeper.config import KeeperConfig
from keeper.config_execution import Execution, Safe
from keeper.config_strategies import PLUGIN_SECTIONS, load_strategy, plugin_settings
from keeper.model.decision import Ladder
from keeper.policy.settings import StrategySettings
from keeper.world.journal.attempts import TransactionState
from keeper.world.journal.proposal_queries import ProposalRecord
from keeper.world.journal.proposal_rows import ProposalState
from tests.policy.world import observation, scene

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted({ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("[!.]*/README.md")})
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
ROW = re.compile(r"^\| `([a-z0-9_.\[\]]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|", re.MULTILINE)
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


class Row(NamedTuple):
    default: str
    bounds: str


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    wrong = [link for link in LINK.findall(page.read_text()) if "://" not in link and not _is_there(page, link)]
    assert wrong == []


def _is_there(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page if not path else page.parent / path
    if not target.exists():
        return False
    return not anchor or anchor in [_anchor(heading) for heading in HEADING.findall(target.read_text())]


def _anchor(heading: str) -> str:
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_exists(page: Path) -> None:
    wrong = [line for line in _command_lines(page.read_text()) if not _is_command(line)]
    assert wrong == []


def test_the_documents_do_name_commands() -> None:
    named = {line.split()[1] for page in PAGES for line in _command_lines(page.read_text())}
    assert named >= set(command_names())


def _command_lines(text: str) -> Iterator[str]:
    """`keeper …` in code spans, and in fenced blocks at the start of a line or after a prompt."""
    for block in (body for _, body in FENCE.findall(text)):
        for line in block.splitlines():
            found = re.search(r"(?:^|\$ |run --rm |bin/)(keeper [a-z].*)$", line)
            if found:
                yield found[1]
    for span in SPAN.findall(FENCE.sub("", text)):
        if span.startswith("keeper "):
            yield span


def _is_command(line: str) -> bool:
    words = shlex.split(line.partition(" #")[0].replace("|", "").partition("  ")[0])
    group, command = LazyGroup(), None
    context = click.Context(group)
    if words[1] not in command_names():
        return words[1] == "--help"
    command = group.get_command(context, words[1])
    if isinstance(command, click.Group) and len(words) > 2 and words[2][0] != "-":
        command = command.get_command(context, words[2])
    if command is None:
        return False
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    return {word for word in words[2:] if word.startswith("-")} <= known


def test_the_table_of_strategies_is_the_settings() -> None:
    assert _documented("strategies.md") == dict(_strategy_rows())


def test_the_table_of_keeper_yaml_is_the_settings() -> None:
    assert _documented("operating.md") == dict(_rows(KeeperConfig, ""))


@pytest.mark.parametrize(("section", "prefix"), [("forecaster", "forecaster"), ("regime", "regime"), ("range", "rule")])
def test_every_plug_in_has_its_section_and_its_picture(section: str, prefix: str) -> None:
    """But for the one that has nothing to show."""
    text = (ROOT / "docs/strategies.md").read_text()
    for kind in plugins.available(section):
        parts = re.findall(rf"^### {kind}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
        assert len(parts) == 1, f"{kind} has {len(parts)} sections"
        picture = f"images/{prefix}-{kind.replace('_', '-')}.svg"
        assert kind == "neutral" or f"]({picture})" in parts[0], f"{kind} does not show {picture}"


def test_pictures_are_small_and_each_is_shown() -> None:
    shown = "".join(page.read_text() for page in PAGES)
    for picture in (ROOT / "docs/images").iterdir():
        assert picture.name in shown, f"{picture.name} is shown nowhere"
        assert picture.suffix != ".svg" or picture.stat().st_size < 60_000, f"{picture.name} is large"


def test_every_objection_is_explained_to_operators() -> None:
    text = (ROOT / "docs/operating.md").read_text()
    codes = {code for file in sorted(ROOT.glob("keeper/policy/**/*.py")) for code in _objections(file)}
    assert len(codes) >= 30, "the codes are not found any more"
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def _objections(file: Path) -> Iterator[str]:
    """The codes of all objections made in a file: the first literal of the call, whoever makes it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _OBJECTING:
            literals = [each.value for each in node.args if isinstance(each, ast.Constant)]
            if literals and isinstance(literals[0], str) and re.fullmatch(r"[a-z]+(_[a-z]+)*", literals[0]):
                yield literals[0]


_OBJECTING = {"Objection", "_does_not_pay", "_far"}


def test_every_state_of_a_transaction_is_explained_to_operators() -> None:
    text = (ROOT / "docs/operating.md").read_text()
    states = get_args(TransactionState)
    assert len(states) >= 8
    assert [state for state in states if f"| `{state}` |" not in text] == []


def test_every_state_of_a_proposal_is_explained_to_operators() -> None:
    text = (ROOT / "docs/operating.md").read_text()
    states = get_args(ProposalState)
    assert len(states) >= 8
    assert [state for state in states if f"| `{state}` |" not in text] == []


def test_every_field_of_a_proposal_for_machines_is_explained() -> None:
    section = (ROOT / "docs/operating.md").read_text().partition("### Proposals for machines")[2].partition("\n##")[0]
    known = {each.name for each in fields(ProposalRecord)} - {"transaction"}
    more = {"is_open", "seconds_left", "title", "words", "link", "typed_data"}
    assert sorted(known | more) == sorted(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.M))))


def test_the_cycle_that_is_shown_is_the_cycle_that_runs() -> None:
    """But for its description; notes beside the lines are free."""
    shown = dict(FENCE.findall((ROOT / "docs/architecture.md").read_text()))["python"]
    module = ast.parse((ROOT / "keeper/cycle.py").read_text())
    function = next(node for node in module.body if isinstance(node, ast.FunctionDef))
    function.body = function.body[1:]
    assert ast.unparse(ast.parse(shown)) == ast.unparse(function)


@pytest.mark.parametrize("room", ["chain", "executors", "journal", "safe", "signers"])
def test_every_file_of_the_larger_rooms_stands_in_their_list(room: str) -> None:
    rooms = next(body for _, body in FENCE.findall((ROOT / "docs/architecture.md").read_text()) if "chainlab/" in body)
    named = set(re.findall(r"\w+", rooms))
    files = {file.stem for file in (ROOT / "keeper/world" / room).glob("*.py")} - {"__init__"}
    assert sorted(files - named) == []


def test_every_event_of_the_log_is_explained_to_operators() -> None:
    text = (ROOT / "docs/operating.md").read_text()
    code = (ROOT / "keeper/telemetry.py").read_text()
    events = set(re.findall(r'(?:info|warning|error|level)\("([a-z_]+)"', code))
    assert len(events) >= 15, "the events are not found any more"
    assert [event for event in sorted(events) if f"`{event}`" not in text] == []


def _documented(page: str) -> dict[str, Row]:
    rows = ROW.findall((ROOT / "docs" / page).read_text())
    assert len(rows) == len({key for key, *_ in rows}), "a key stands twice"
    return {key: Row(default.strip(), bounds.strip()) for key, _, default, bounds in rows}


def _strategy_rows() -> Iterator[tuple[str, Row]]:
    for key, row in _rows(StrategySettings, ""):
        if key not in PLUGIN_SECTIONS and key not in ("execution", "safe"):
            yield key, row
    for section, model in (("execution", Execution), ("safe", Safe)):
        yield from _rows(model, f"{section}.")
    default = StrategySettings.model_fields
    for section in PLUGIN_SECTIONS:
        kinds = plugins.available(section)
        factory: Any = default[section].default_factory
        yield f"{section}.kind", Row(f"`{factory()['kind']}`", ", ".join(f"`{kind}`" for kind in kinds))
        for kind in kinds:
            for key, row in _rows(plugin_settings(section, kind), f"{section}."):
                if key != f"{section}.kind":
                    yield key, row


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Row]]:
    for name, field in model.model_fields.items():
        key, leaf = prefix + name, False
        for kind in _parts(field.annotation):
            many = get_origin(kind) in (tuple, dict)
            inner = get_args(kind)[1 if get_origin(kind) is dict else 0] if many else kind
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                mark = "" if not many else ".name" if get_origin(kind) is dict else "[]"
                yield from _rows(inner, f"{key}{mark}.")
            elif kind is not type(None):
                leaf = True
        if leaf:
            yield key, Row(_default(field), _bounds(field))


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    value = getattr(value, "get_secret_value", lambda: value)()
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, (float, Decimal)) else f"`{value}`"


def _bounds(field: FieldInfo) -> str:
    for kind in _parts(field.annotation):
        if get_origin(kind) is Literal:
            return ", ".join(f"`{choice}`" for choice in get_args(kind))
    found = []
    for each in field.metadata:
        for name, sign in BOUNDS.items():
            limit = getattr(each, name, None)
            if limit is not None:
                found.append(f"{sign} {limit:,}" if isinstance(limit, int) else f"{sign} {limit:g}")
    return ", ".join(found)


def test_the_examples_of_strategies_are_good(tmp_path: Path) -> None:
    pieces = [body for kind, body in FENCE.findall((ROOT / "docs/strategies.md").read_text()) if kind == "yaml"]
    assert len(pieces) >= 5
    for number, piece in enumerate(pieces):
        file = tmp_path / f"{number}.yaml"
        file.write_text(piece if "\npool:" in piece else _FRAME + piece)
        load_strategy(file)


_FRAME = """\
name: example
chain: base
pool: "0x0000000000000000000000000000000000000001"
quote: token1
capital: {max_quote: 5_000}
"""


def test_the_rule_of_ones_own_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/strategies.md").read_text()
    blocks = {kind: body for kind, body in FENCE.findall(text) if kind in ("python", "toml")}
    group, name, module = re.findall(r'entry-points\."(.+?)"\]\n(\w+) = "([\w.]+)"', blocks["toml"])[0]
    package, _, file = module.partition(".")
    (tmp_path / package).mkdir()
    (tmp_path / package / f"{file}.py").write_text(blocks["python"])
    information = tmp_path / f"{package}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}{os.linesep}")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert name in plugins.available("range")
    strategy = tmp_path / "own.yaml"
    strategy.write_text(_FRAME + f"range: {{kind: {name}}}\n")
    rule = build_strategy(load_strategy(strategy).settings).range_rule
    ladder = rule.choose(scene(observation()))
    assert isinstance(ladder, Ladder)
    assert ladder.kind == name
