"""Checks of the documents against the code."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import get_commands, load_command_class

from scripts import docs_images
from scripts.reference import EVENT, runbook_events
from scripts.steps import ROOT
from tests.deploy.files import COMPOSE, GUNICORN, example_names, settings_names, table_names, text
from unsub.domain.outcomes import Outcome, read_result
from unsub.links.claims import NAMES
from unsub.models import Cause, Status
from unsub.reporting.explanations import ERROR_CODES
from unsub.sfmc import CallResult

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted(ROOT.glob("docs/adr/0*.md"))
HANDBOOK = sorted(ROOT.glob("docs/operations/*.md"))
GUIDES = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/start.md", "docs/marketers.md")
]
RUNBOOKS = [
    page
    for page in sorted(ROOT.glob("docs/runbooks/*.md"))
    if page.name not in {"README.md", "other-events.md"}
]
SECTIONS = [
    "What it means for people", "How to see it", "What to do", "It is over when",
    "What it never means",
]  # fmt: skip
COMMAND = re.compile(r"(?:manage\.py (?=[a-z])|\bmake (?=[a-z])|scripts/deploy/).*")
# Words of the items "Log:" that are values or fields.
NO_EVENTS = {"triggered_send", "error_code", "message_type", "job_id"}
# Of the application's own log; the sandbox is a program of its own.
LOGGING = [
    path
    for path in [*ROOT.glob("unsub/**/*.py"), *ROOT.glob("profilecenter/**/*.py")]
    if "sandbox" not in path.parts
]
CONFIGURATION = ("Dockerfile", "docker-compose.yml", ".env.example", ".dockerignore")
PARTS = ["Context", "Decision", "Consequences", "What would reopen it"]
HOSTS = re.compile(
    r"localhost|sandbox|%2Fvar%2Frun%2Fpostgresql|127\.0\.0\.1|redis|cache|([\w-]+\.)*example\.(com|org|net)"
    r"|keepachangelog\.com|semver\.org|www\.rfc-editor\.org|host|postgres|profilecenter|%s"
)
ADDRESS = re.compile(r"\b[a-z][a-z+]*://[^\s)\"'`<>;]+")
MACHINE = re.compile(r"/(work|root|home|Users)/")
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    """Return a path relative to the project."""
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    for link in LINK.findall(CODE.sub("", document.read_text())):
        path, _, anchor = link.partition("#")
        if urlsplit(link).scheme:
            continue
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", [*map(name_of, DOCUMENTS), *CONFIGURATION])
def test_no_document_names_a_real_machine_or_server(name: str) -> None:
    content = text(name)
    assert not MACHINE.search(content)
    hosts = {
        urlsplit(re.split("[{}]", address)[0]).hostname or "host"
        for address in ADDRESS.findall(content)
    }
    assert not [host for host in hosts if not HOSTS.fullmatch(host)]


def test_every_setting_is_in_the_handbook() -> None:
    told = {name for page in HANDBOOK for name in table_names(name_of(page))}
    assert told == settings_names() | GUNICORN | COMPOSE


def test_the_ten_lines_to_production_are_the_same_in_both_places() -> None:
    block = re.compile(r"(?:^    .+\n)+", re.MULTILINE)
    [lines] = [one for one in block.findall(text("README.md")) if "secrets.sh" in one]
    assert lines in block.findall(text("docs/start.md"))


def test_the_example_has_every_setting_once() -> None:
    names = example_names()
    assert len(names) == len(set(names))
    assert set(names) == settings_names() | GUNICORN | COMPOSE


def test_the_example_sets_nothing() -> None:
    assert all(line.startswith("#") for line in text(".env.example").splitlines() if line)


def test_every_metric_is_in_the_handbook() -> None:
    counters = re.findall(r'Counter\(\s*"(\w+)"', text("unsub/infra/metrics.py"))
    gauges = re.findall(r'GaugeMetricFamily\(\s*"(\w+)"', text("unsub/web/metrics.py"))
    histograms = re.findall(r'Histogram\(\s*"(\w+)"', text("unsub/infra/metrics.py"))
    names = {f"{name}_total" for name in counters} | set(gauges) | set(histograms)
    monitoring = text("docs/operations/monitoring.md")
    assert names == set(re.findall(r"`(unsub_\w+)", monitoring))
    for page in RUNBOOKS:
        assert set(re.findall(r"`(unsub_\w+)", text(name_of(page)))) <= names


def test_every_system_check_is_in_the_handbook() -> None:
    ids = set(re.findall(r'"(?:unsub\.)?([EW]\d{3})"', text("unsub/checks.py")))
    told = set(re.findall(r"`unsub\.([EW]\d{3})`", text("docs/operations/settings.md")))
    assert ids == told


def log_events(levels: str) -> set[str]:
    """Return the first argument of every call of a logger at one of `levels` ("warning|error"), as
    it is written: with its quotes, where it is a literal."""
    call = re.compile(rf"\blog\.(?:{levels})\(\s*([^,)]+)")
    return {found for path in LOGGING for found in call.findall(path.read_text())}


def test_a_log_event_is_an_identifier() -> None:
    events = log_events("debug|info|warning|error|exception|critical")
    assert len(events) > 30
    assert not [event for event in sorted(events) if not re.fullmatch(r'"[a-z]+(_[a-z]+)+"', event)]


def other_entries() -> list[str]:
    """Return the entries of the log events without an alarm."""
    return text("docs/runbooks/other-events.md").split("\n## ")[1:]


def test_every_warning_in_the_log_is_in_a_runbook() -> None:
    events = {event.strip('"') for event in log_events("warning|error|exception|critical")}
    told = {name for page in RUNBOOKS for name in runbook_events(page)}
    told |= {name for entry in other_entries() for name in EVENT.findall(entry)}
    assert not events - told


def test_the_runbooks_name_no_event_that_is_never_logged() -> None:
    told = {name for page in RUNBOOKS for name in runbook_events(page)} - NO_EVENTS
    told |= {
        name
        for entry in other_entries()
        for name in re.findall(r"^`([a-z]+_[a-z_]+)`", entry.partition("\n\n")[2], re.MULTILINE)
    }
    logged = {event.strip('"') for event in log_events("debug|info|warning|error|exception")}
    metrics = set(re.findall(r"`(unsub_\w+)", text("docs/operations/monitoring.md")))
    assert len(told) > 40
    assert not told - logged - metrics


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm() -> None:
    causes = {cause.value for cause in Cause}
    assert {page.stem for page in RUNBOOKS} == causes
    index = text("docs/runbooks/README.md")
    assert set(re.findall(r"^\| \[`(\w+)`\]\(\1\.md\) \|", index, re.MULTILINE)) == causes
    assert set(re.findall(r"docs/runbooks/(\w+)\.md", text("mkdocs.yml"))) >= causes


@pytest.mark.parametrize("page", RUNBOOKS, ids=name_of)
def test_a_runbook_has_every_section(page: Path) -> None:
    content = page.read_text()
    assert re.match(rf"# .+: `{page.stem}`\n\n\w", content)
    assert re.findall(r"^## (.+)$", content, re.MULTILINE)[: len(SECTIONS)] == SECTIONS
    assert re.search(r"^1\. ", content, re.MULTILINE)


def commands(document: Path) -> Iterator[list[str]]:
    """Yield the words of each command of manage.py, make or scripts/deploy in a code block or in a
    code span of a document."""
    content = document.read_text()
    spans = re.findall(r"(?<!`)`([^`\n]+)`", content)
    for line in [*spans, *re.findall(r"^ {4,}(.+)$", content, re.MULTILINE)]:
        for part in re.split(r" [|&;>]+ | {3,}", line):
            if found := re.search(
                r"(?:manage\.py (?=[a-z])|\bmake (?=[a-z])|scripts/deploy/).*", part
            ):
                yield shlex.split(found[0])


def known_options(name: str) -> set[str]:
    """Return the options of a command of manage.py. Raises KeyError for one that does not exist."""
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("document", [*RUNBOOKS, *HANDBOOK, *GUIDES], ids=name_of)
def test_every_command_of_a_document_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    for program, *words in commands(document):
        if program == "manage.py" and words[0] != "--version":
            used = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
            assert used <= known_options(words[0]), words
        elif program == "make":
            assert words[0] in targets, words
        elif program.startswith("scripts/deploy/"):
            assert (ROOT / program).exists(), program


def test_every_path_of_the_architecture_exists() -> None:
    named = set(re.findall(r"`([\w.-]+(?:/[\w.-]*)+|\w+\.py)`", text("docs/architecture.md")))
    assert len(named) > 40
    places = (ROOT, ROOT / "unsub")
    assert not [path for path in sorted(named) if not any((at / path).exists() for at in places)]


def test_every_package_has_a_row_in_the_architecture() -> None:
    packages = {path.parent.name for path in ROOT.glob("unsub/*/__init__.py")}
    rows = re.findall(r"^\| (`.*) \|.*\|$", text("docs/architecture.md"), re.MULTILINE)
    assert packages - {"migrations"} <= set(re.findall(r"`(\w+)/`", "".join(rows)))


def test_every_claim_of_a_link_is_documented() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", text("docs/links.md"), re.MULTILINE))
    assert told == NAMES


def test_the_snippet_is_the_same_in_both_places() -> None:
    snippet = re.compile(r"```ampscript\n.*?```", re.DOTALL)
    assert snippet.findall(text("README.md")) == snippet.findall(text("docs/links.md"))


def code_rows() -> Iterator[tuple[int, str, str]]:
    """Yield each result code of docs/outcomes.md with its outcome and next status."""
    section = text("docs/outcomes.md").partition("## Codes of a result")[2].partition("\n## ")[0]
    for cells in re.findall(r"^\| ([\d, ]+) \|[^|]+\| `(\w+)` \| `(\w+)`", section, re.MULTILINE):
        codes, outcome, status = cells
        for code in codes.split(","):
            yield int(code), outcome, status


STEPS = {
    "posted": Status.DONE, "already_unsubscribed": Status.DONE, "refused": Status.REFUSED,
    "misconfigured": Status.HELD, "try_later": Status.PENDING, "unknown": Status.PENDING,
}  # fmt: skip


def test_every_explained_code_has_a_row_and_every_row_a_code() -> None:
    codes = [code for code, _, _ in code_rows()]
    assert sorted(codes) == sorted(ERROR_CODES)


@pytest.mark.parametrize(("code", "outcome", "status"), list(code_rows()))
def test_a_code_has_the_outcome_and_status_of_its_row(code: int, outcome: str, status: str) -> None:
    result = CallResult(status_code="Error", status_message="", error_code=code, ordinal_id=None)
    assert read_result(result).outcome is Outcome(outcome)
    assert STEPS[outcome] == status


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text("docs/security.md"))
    assert len(named) > 40
    assert not [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists()
        or not re.search(rf"^\s*def {name}\(", text(path), re.MULTILINE)
    ]


def test_every_threat_has_an_answer_and_a_test() -> None:
    rows = re.findall(r"^\|(?! who| ---)(.*)\|$", text("docs/security.md"), re.MULTILINE)
    cells = [row.split("|") for row in rows]
    assert len(rows) > 20
    assert not [row for row in cells if len(row) != 4 or not row[2].strip() or "::" not in row[3]]


def test_every_picture_is_shown_and_can_be_taken_again() -> None:
    pictures = {path.stem for path in ROOT.glob("docs/images/*.png")}
    shown = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"!\[[^\]]+\]\([\w./]*images/(\w+)\.png\)", document.read_text())
    }
    assert pictures == shown == {*docs_images.PAGES, *docs_images.ROWS}


def test_the_list_of_decisions_is_complete() -> None:
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", text("docs/adr/README.md"))
    assert listed == [path.name for path in DECISIONS]
    assert len(listed) >= 7


@pytest.mark.parametrize("decision", DECISIONS, ids=name_of)
def test_a_decision_has_all_sections_and_fits_one_page(decision: Path) -> None:
    content = decision.read_text()
    assert re.findall(r"^## (.+)$", content, re.MULTILINE) == PARTS
    assert re.search(r"^Status: \w+", content, re.MULTILINE)
    assert len(content.splitlines()) <= 70, "a decision is one page"


def test_the_changelog_begins_with_unreleased_changes() -> None:
    assert re.findall(r"^## \[(\w+)", text("CHANGELOG.md"), re.MULTILINE)[0] == "Unreleased"
