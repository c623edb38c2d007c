"""The bill of materials: licences, and advisories that were or were not looked up."""

import json
from typing import Any

import pytest

from scripts import sbom


def test_each_package_has_a_line_with_its_licence() -> None:
    parts = [
        {"name": "b", "version": "2", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
        {"name": "a", "version": "1", "licenses": [{"license": {"id": "MIT"}}]},
        {"name": "c", "version": "3", "licenses": [{"license": {"name": "BSD\n\nWhole text"}}]},
        {"name": "d", "version": "4"},
    ]
    assert list(sbom.licence_lines({"components": parts})) == [
        "b 2: MIT OR Apache-2.0", "a 1: MIT", "c 3: BSD", f"d 4: {sbom.UNKNOWN}",
    ]  # fmt: skip


def report(**package: Any) -> str:
    """Return a report of pip-audit about one package."""
    return json.dumps({"dependencies": [{"name": "a", **package}], "fixes": []})


def test_a_known_vulnerability_is_named_with_the_version_that_mends_it() -> None:
    found = {"id": "PYSEC-0000-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
    assert sbom.advisory_lines(report(version="1", vulns=[found])) == [
        "a 1: PYSEC-0000-1, mended in 1.1"
    ]
    assert sbom.advisory_lines(report(version="1", vulns=[])) == []


@pytest.mark.parametrize("said", ["", "{}", "[]", report(skip_reason="not found")])
def test_a_report_without_every_package_does_not_count_as_clean(said: str) -> None:
    assert sbom.advisory_lines(said) is None
