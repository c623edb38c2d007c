"""Any brand colour is made readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsub.domain.contrast import AA, DARK_CARD, contrast, is_colour, palettes, readable

colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21), ("#ffffff", "#ffffff", 1), ("#777777", "#ffffff", 4.48)],
)
def test_the_ratio_is_that_of_the_guidelines(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


@given(colours)
def test_text_on_every_button_colour_has_enough_contrast(colour: str) -> None:
    assert contrast(readable(colour), "#ffffff") >= AA
    light, dark = palettes(colour)
    for palette in (light, dark):
        assert contrast(palette.ink, palette.act) >= AA
        assert contrast(palette.ink, palette.over) >= AA
    assert contrast(light.act, "#ffffff") >= AA
    assert contrast(dark.act, DARK_CARD) >= AA


@given(colours)
def test_a_colour_with_enough_contrast_stays_as_it_is(colour: str) -> None:
    assert (readable(colour) == colour) == (contrast(colour, "#ffffff") >= AA)


@pytest.mark.parametrize("text", ["", "#fff", "1d4f91", "#1D4F91", "#1d4f9g", "red;}", "#1d4f91\n"])
def test_nothing_else_is_a_colour(text: str) -> None:
    assert not is_colour(text)
    assert is_colour("#1d4f91")
