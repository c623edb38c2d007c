"""The table of docs/operations/sizing.md, computed again from the measured figures."""

import pytest

from scripts import sizing
from scripts.sizing import MONTHS, Size, measured, table
from scripts.steps import ROOT

PAGE = ROOT / "docs" / "operations" / "sizing.md"


def of(emails: float) -> Size:
    """Return the size for a number of emails a month."""
    return Size(emails=emails, figures=measured())


def test_the_table_of_the_document_is_what_the_measured_figures_give() -> None:
    assert table(map(of, MONTHS)) in PAGE.read_text(encoding="utf-8")


def test_the_example_of_the_document_is_computed_step_by_step_as_it_says() -> None:
    text, size, figures = PAGE.read_text(encoding="utf-8"), of(10**9), measured()
    connections = (
        f"x {sizing.PROCESSES} x {sizing.THREADS} + {size.workers} x {sizing.WORKER_THREADS}"
        f" + {sizing.OTHER_CONNECTIONS} = {size.connections}"
    )
    for step in (
        connections,
        f"1,000,000,000 / {sizing.DAYS} x {figures.unsubscribes} % = {size.unsubscribes:,.0f}",
        f"/ 86,400 s x {figures.peak:.0f} = {size.peak:.1f}",
        f"x {figures.one_click} ms + {size.pages:.0f} x {figures.page} ms = ",
        f"{size.unsubscribes:,.0f} / ({sizing.CALLS} x {sizing.BATCH} / {sizing.CALL_SECONDS} s)",
        f"x 365 x {figures.disk:.0f} KiB = {size.disk:.0f} GiB",
    ):
        assert step in text, step


def test_more_emails_never_need_less() -> None:
    sizes = [of(emails) for emails in MONTHS]
    for name in ("cores", "machines", "workers", "connections", "redis", "disk", "drain"):
        values = [getattr(size, name) for size in sizes]
        assert values == sorted(values), name


def test_a_company_can_give_its_own_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert sizing.main(["--emails", "3e6", "--unsubscribes", "1"]) == 0
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith("| 3,000,000 | 1,000 |")


def test_a_figure_that_is_no_longer_in_a_document_is_named() -> None:
    with pytest.raises(ValueError, match=r"docs/scale\.md has nothing like"):
        sizing._find("docs/scale.md", "no such figure")
