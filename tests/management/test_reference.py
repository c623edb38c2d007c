"""The reference pages of the documents say what the code says."""

import re

import pytest

from scripts import reference
from scripts.steps import ROOT


@pytest.mark.parametrize(
    "name", ["settings.md", "commands.md", "metrics.md", "log-events.md", "openapi.json"]
)
def test_a_page_of_the_reference_is_that_of_the_code(name: str) -> None:
    assert (reference.FOLDER / name).read_text(encoding="utf-8") == reference.pages()[name]


def test_every_setting_has_a_default_or_says_what_happens_without_it() -> None:
    page = reference.pages()["settings.md"]
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert not [row[0] for row in rows if len(row) < 3 or len(row[2].strip(" |")) < 3]


def test_the_page_of_settings_names_the_defaults_of_the_code() -> None:
    row = re.compile(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", re.MULTILINE)
    ours = dict(row.findall(reference.pages()["settings.md"]))
    page = (ROOT / "docs/operations/settings.md").read_text(encoding="utf-8")
    told = {name: value for name, value in row.findall(page) if name in ours}
    assert len(told) > 10
    assert told == {name: ours[name] for name in told}
