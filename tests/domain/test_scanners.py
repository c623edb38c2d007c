"""Scanners that identify themselves in the User-Agent."""

import pytest

from unsub.domain.scanners import scanner_of


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11) HeadlessChrome/120.0", "headless browser"),
        ("BarracudaCentral/1.0", "barracuda"),
        ("Mozilla/5.0 (compatible; Proofpoint URL Defense)", "proofpoint"),
        ("Mozilla/5.0 BingPreview/1.0b", "microsoft"),
        ("python-requests/2.32", "script"),
        ("", "script"),
        ("   ", "script"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", ""),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0 Safari/537.36", ""),
        ("x" * 10_000, ""),
    ],
)
def test_a_known_name_gives_its_scanner_and_others_may_be_people(agent: str, name: str) -> None:
    assert scanner_of(agent) == name
    assert len(scanner_of(agent)) <= 20
