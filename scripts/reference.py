"""Write docs/reference/ from the code: settings, commands, metrics, log events and the API.

    python -m scripts.reference

A test compares the files with what this would write.
"""

import argparse
import ast
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import django
from django.core.management import load_command_class

from .steps import ROOT, say

Node = TypeVar("Node", bound=ast.AST)

FOLDER = ROOT / "docs" / "reference"
RUNBOOKS = ROOT / "docs" / "runbooks"
OTHER_EVENTS = RUNBOOKS / "other-events.md"
EVENT = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
NOTE = "<!-- Written by `python -m scripts.reference` from the code. Do not edit. -->"
COMMANDS = ROOT / "unsub" / "management" / "commands"
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
METRICS = {
    "Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "Summary": "summary",
    "GaugeMetricFamily": "gauge", "CounterMetricFamily": "counter",
}  # fmt: skip
# Whose default only stands for "not given".
INTERNAL = frozenset({"RUN_DATABASE_URL", "SFMC_ACCOUNT_ID"})
# Every command of Django has these.
USUAL = frozenset({
    "help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color",
    "force_color", "skip_checks",
})  # fmt: skip


def main() -> int:
    """Write the pages; return 0."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        say(f"docs/reference/{name}")
    return 0


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "metrics.md": metrics_page(),
        "log-events.md": log_events_page(),
        "openapi.json": openapi_page(),
    }


# Settings


@dataclass(slots=True)
class Group:
    """Settings of one part of .env.example, or those that share one comment there."""

    title: str
    about: list[str] = field(default_factory=list)
    examples: list[tuple[str, str]] = field(default_factory=list)


def settings_page() -> str:
    """Return the page of the settings: .env.example, and the defaults of the code."""
    defaults = dict(_defaults())
    lines = [
        "# Settings", "", NOTE, "",
        "Each is an environment variable. Each can also be given as `NAME_FILE`, the path of a",
        "file that contains the value, except those that gunicorn itself reads. The default is",
        "that of the code; [settings and secrets](../operations/settings.md#settings) has more.",
    ]  # fmt: skip
    title = ""
    for group in _groups():
        if group.title != title:
            title = group.title
            lines += [
                "",
                f"## {title}",
                "",
                "| name | default | what it is |",
                "| --- | --- | --- |",
            ]
        about = _cell(" ".join(group.about))
        for name, example in group.examples:
            default = defaults.get(name, "")
            further = f"Example: {_code(example)}" if _code(example) not in {"", default} else ""
            lines.append(f"| `{name}` | {default} | {' '.join(filter(None, (about, further)))} |")
    return _text(lines)


def _groups() -> Iterator[Group]:
    """Yield the settings of .env.example in its order."""
    group, title = Group(""), ""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    for line in text.splitlines():
        if heading := re.fullmatch(r"# --- (.+?) -+", line):
            title = heading[1]
            group = Group(title)
        elif assigned := re.fullmatch(r"#([A-Z][A-Z0-9_]*)=(.*)", line):
            group.examples.append((assigned[1], assigned[2]))
        elif not line or group.examples:
            if group.examples:
                yield group
            group = Group(title)
        if line.startswith("# ") and not line.startswith("# ---"):
            group.about.append(line.removeprefix("# "))
    if group.examples:
        yield group


def _defaults() -> Iterator[tuple[str, str]]:
    """Yield the name and the default of each variable that the settings read."""
    for _, node in _nodes(ast.Call, "profilecenter/settings.py"):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env")),
                args=[ast.Constant(value=str(name)), *_],
            ):
                given = {word.arg: word.value for word in node.keywords}
                if name not in INTERNAL:
                    yield name, _code(_default(given["default"])) if "default" in given else ""
            case _:
                pass


def _default(node: ast.expr) -> str:
    """Return a default as somebody would write it into .env; "" where it follows from others."""
    match node:
        case ast.Constant(value=bool(value)):
            return str(value).lower()
        case ast.Constant(value=float(value)) if value.is_integer():
            return str(int(value))
        case ast.Constant(value=value):
            return str(value)
        case ast.Dict(keys=[]):
            return "{}"
        case _:
            return ""


# Commands


def commands_page() -> str:
    """Return the page of the management commands, from their parsers."""
    lines = [
        "# Commands", "", NOTE, "",
        "Each is called as `python manage.py NAME`, in a container as",
        "`docker compose exec web python manage.py NAME`.",
    ]  # fmt: skip
    for file in sorted(COMMANDS.glob("[a-z]*.py")):
        lines += ["", *_command(file.stem)]
    return _text(lines)


def _command(name: str) -> list[str]:
    command = load_command_class("unsub", name)
    parser = command.create_parser("manage.py", name)
    # Not the public API, but there is none that lists what a parser takes.
    actions = [one for one in parser._actions if one.dest not in USUAL]  # noqa: SLF001
    lines = [f"## {name}", "", _cell(str(command.help)) or "See its module."]
    if actions:
        lines += ["", "| argument | what it is |", "| --- | --- |"]
        lines += [f"| {_argument(one)} | {_cell(_help(one))} |" for one in actions]
    return lines


def _help(action: argparse.Action) -> str:
    text = (action.help or "").replace("%%", "%")
    if "%(default)s" in text:
        return text.replace("%(default)s", str(action.default))
    return text


def _argument(action: argparse.Action) -> str:
    name = ", ".join(f"`{one}`" for one in action.option_strings)
    takes_value = action.nargs != 0
    value = action.metavar or action.dest.upper()
    shown = value if isinstance(value, str) else " ".join(value)
    return " ".join(filter(None, (name, f"`{shown}`" if takes_value else "")))


# Metrics


def metrics_page() -> str:
    """Return the page of the metrics: every counter, gauge and histogram of the code."""
    lines = [
        "# Metrics", "", NOTE, "",
        "Web processes answer `/metrics`, workers their own address",
        "([monitoring](../operations/monitoring.md#metrics)). Counters end in `_total`. Labels are",
        "codes and MIDs: no person, no token.", "",
        "| name | type | labels | what it is |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for name, kind, labels, about in sorted(_metrics()):
        shown = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{name}` | {kind} | {shown} | {_cell(about)} |")
    return _text(lines)


def _metrics() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for scope, node in _nodes(ast.Call, "unsub"):
        match node:
            case ast.Call(
                func=ast.Name(id=made),
                args=[ast.Constant(value=str(name)), ast.Constant(value=str(about)), *further],
            ) if made in METRICS:
                given = {word.arg: word.value for word in node.keywords}
                labels = further[0] if further else given.get("labels")
                kind = METRICS[made]
                full = f"{name}_total" if kind == "counter" else name
                yield full, kind, _labels(labels, _constants(scope)), about
            case _:
                pass


def _labels(node: ast.expr | None, known: dict[str, ast.expr]) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        node = known.get(node.id)
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(str(one.value) for one in node.elts if isinstance(one, ast.Constant))
    return ()


def _constants(scope: ast.AST) -> dict[str, ast.expr]:
    """Return what is assigned to each simple name in a function or module."""
    return {
        target.id: node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


# Log events


def log_events_page() -> str:
    """Return the page of the log events, with their fields and the runbook of each."""
    found: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for event, level, fields in _events():
        found[event][0].add(level)
        found[event][1].update(fields)
    runbook = _runbook()
    lines = [
        "# Log events", "", NOTE, "",
        "One line an event: `timestamp`, `level`, `event`, `request_id` where there is one, and",
        "the fields below. No field holds an address, a key, a token or a message.", "",
        "| event | level | fields | runbook |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for event, (levels, fields) in sorted(found.items()):
        shown = ", ".join(f"`{name}`" for name in sorted(fields))
        lines.append(
            f"| `{event}` | {', '.join(sorted(levels))} | {shown} | {runbook.get(event, '')} |"
        )
    return _text(lines)


def _events() -> Iterator[tuple[str, str, set[str]]]:
    for _, node in _nodes(ast.Call, "unsub", "profilecenter"):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                args=[ast.Constant(value=str(event)), *_],
            ) if level in LEVELS:
                words = {word.arg for word in node.keywords if word.arg}
                yield event, "error" if level == "exception" else level, words - {"exc_info"}
            case _:
                pass


def _runbook() -> dict[str, str]:
    """Return a link to the page that says what to do, by event: an entry of those without an alarm
    goes before the pages of alarms, which may also name an event that others are behind."""
    found: dict[str, str] = {}
    for entry in OTHER_EVENTS.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, body = entry.partition("\n")
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for event in EVENT.findall(body):
            found.setdefault(event, f"[{heading}](../runbooks/{OTHER_EVENTS.name}#{anchor})")
    for page in sorted(RUNBOOKS.glob("*.md")):
        heading = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        for event in runbook_events(page):
            found.setdefault(event, f"[{heading.partition(':')[0]}](../runbooks/{page.name})")
    return found


def runbook_events(page: Path) -> list[str]:
    """Return the log events that an alarm's runbook names: those of its items "Log:"."""
    items = re.findall(r"^- Log: (.*(?:\n  .*)*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [event for item in items for event in EVENT.findall(item)]


# The API


def openapi_page() -> str:
    """Return the OpenAPI document, as a deployment with the default settings answers with it."""
    api: Any = import_module("unsub.api.application").api
    return json.dumps(api.get_openapi_schema(), indent=1, ensure_ascii=False) + "\n"


# What the pages share


def _nodes(kind: type[Node], *places: str) -> Iterator[tuple[ast.AST, Node]]:
    """Yield (scope, node) for each node of a kind in these files and folders. The scope is the
    function that the node is in, or its module."""
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            scopes = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
            inner = {id(node): scope for scope in scopes for node in ast.walk(scope)}
            found = (node for node in ast.walk(tree) if isinstance(node, kind))
            yield from ((inner.get(id(node), tree), node) for node in found)


def _cell(text: str) -> str:
    """Return a text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def prepare() -> None:
    """Set Django up, so that the commands can be loaded. Needs no database and no secret."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")
    os.environ.setdefault("DEBUG", "true")
    django.setup()


if __name__ == "__main__":
    prepare()
    sys.exit(main())
