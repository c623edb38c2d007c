"""The details form, field by field: how browsers change values, and accessibility."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from pytest_django.fixtures import Settings

from tests.helpers import context, rotate_digest_key
from unsub.preferences.attributes import Field, fields_of
from unsub.preferences.form_snapshot import (
    FormSnapshot,
    dumps,
    fingerprint,
    fingerprints,
    is_mark_of,
    loads,
)
from unsub.preferences.forms import AddressRule, DetailsForm
from unsub.preferences.list_changes import ListChanges, read_changes
from unsub.sfmc import Definition
from unsub.web.brand import Brand
from unsub.web.http import page


def described(data_type: str = "Text", **changes: Any) -> Field:
    """Return the field of an attribute."""
    given: dict[str, Any] = {
        "name": "Thing", "label": "Thing", "description": "", "data_type": data_type,
        "max_length": 100, "is_required": False, "is_viewable": True, "is_editable": True,
        "is_restricted": False, "choices": (), "default": "", "display_order": 0,
    }  # fmt: skip
    return fields_of([Definition(**given | changes)])[0]


def form(one: Field, raw: str, typed: str | None = None) -> DetailsForm:
    """Return the form of an attribute with a value, as rendered, or as submitted with `typed`."""
    now = {one.id: one.shown(raw).strip(), "format": "HTML", "address": "ada@example.com"}
    data = None if typed is None else {one.id: typed}
    return DetailsForm(
        data,
        fields=[one],
        now=now,
        fingerprints=dict(fingerprints(now.items())),
        any_alphabet=True,
        address=AddressRule.NEW_CONFIRMS,
    )


@pytest.mark.parametrize("typed", ["1e999999999", "-1e-999999999", "1" * 101, "NaN", "1e60"])
def test_a_number_beyond_the_limit_is_refused(typed: str) -> None:
    one = described("Number")
    assert one.id in form(one, "1", typed).errors


def test_a_number_is_sent_with_the_value_that_was_typed() -> None:
    one = described("Decimal")
    for typed in ("1.50", "-3", "1e3"):
        sent = form(one, "", typed)
        assert sent.is_valid()
        assert Decimal(sent.changes[one.id]) == Decimal(typed)


@pytest.mark.parametrize(
    ("data_type", "raw"),
    [("Number", "12 kg"), ("Number", "1,5"), ("Date", "the first of May"), ("Date", "31.12.1990")],
)
def test_a_value_that_its_input_would_drop_is_shown_in_a_text_input(
    data_type: str, raw: str
) -> None:
    one = described(data_type)
    # An input of type number or date drops an invalid value, and submits it as empty.
    assert 'type="text"' in str(form(one, raw)[one.id])
    assert raw in str(form(one, raw)[one.id])
    assert form(one, raw, raw).changes == {}
    assert 'type="text"' not in str(form(one, "")[one.id])


def test_a_value_of_several_lines_is_no_change_when_submitted() -> None:
    one = described()
    shown = form(one, "Baker Street\r\nLondon")[one.id].value()
    # A single-line input drops the line break, and submits the rest.
    assert "\n" not in shown
    sent = form(one, "Baker Street\r\nLondon", shown)
    assert sent.is_valid()
    assert sent.changes == {}


def test_errors_are_described_at_their_field_and_linked_from_the_summary() -> None:
    one = described()
    sent = form(one, "a", "x" * 101)
    sent.data = {**sent.data, "format": "Smoke signals"}
    assert not sent.is_valid()
    text = str(sent[one.id])
    assert 'aria-invalid="true"' in text
    assert f'aria-describedby="id_{one.id}_error"' in text
    whole = page("unsub/details.html", {"form": sent, "brand": Brand()}).content.decode()
    assert f'href="#id_{one.id}"' in whole
    # A group of radio buttons has no id of its own: the link leads to the first of them.
    assert 'href="#id_format_0"' in whole
    assert 'id="id_format_0"' in whole
    assert '<fieldset aria-describedby="id_format_error">' in whole
    assert 'id="id_format_error"' in whole
    assert "We’ll send a link to the new address." in str(sent["address"].help_text)
    assert "id_address_helptext" in str(sent["address"])


def test_a_form_that_was_open_during_a_change_of_the_digest_key_is_read(settings: Settings) -> None:
    snapshot = FormSnapshot(
        values=dict(fingerprints([("city", "London")])), consent=fingerprint("You agree.")
    )
    text = dumps(context(1001), snapshot)
    rotate_digest_key(settings)
    found = loads(context(1001), text)
    assert found
    assert found == snapshot
    assert is_mark_of(found.values["city"], "London")
    assert not is_mark_of(found.values["city"], "london")
    assert loads(context(1002), text) is None


@pytest.mark.parametrize("numbers", [range(1, 551), (7001, 2**31 - 1, 2**40)])
def test_no_list_that_stays_ticked_is_left_however_many_or_large_they_are(
    numbers: Sequence[int],
) -> None:
    shown = FormSnapshot(on=tuple(numbers), off=(2**33,))
    form = QueryDict(mutable=True)
    form.setlist("keep", [str(one) for one in numbers])
    assert read_changes(shown, form) == ListChanges()
    form.appendlist("keep", str(2**33))
    assert read_changes(shown, form) == ListChanges(joining=(2**33,))
    known = FormSnapshot(on=tuple(numbers), is_known=False)
    form.setlist("leave", [str(numbers[-1])])
    assert read_changes(known, form) == ListChanges(leaving=(numbers[-1],))
