"""Make a brand colour readable: contrast as defined by WCAG 2.2, success criterion 1.4.3."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

AA = 4.5
WHITE, BLACK = "#ffffff", "#000000"
# Background of the page's cards in the light and dark scheme: see templates/unsub/_style.css.
LIGHT_CARD, DARK_CARD = "#ffffff", "#181b21"
_HEX = re.compile(r"#[0-9a-f]{6}")
_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Button colours of one scheme: `act` is the background, `over` the background on hover, `ink`
    the text on both. All as #rrggbb."""

    act: str
    over: str
    ink: str


def is_colour(text: str) -> bool:
    """Return whether a text is a colour such as #1d4f91 (lower case)."""
    return bool(_HEX.fullmatch(text))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: str) -> str:
    """Return the colour if white text on it has a contrast of 4.5, else the nearest darker colour
    that does."""
    return _first(_towards(colour, BLACK), against=WHITE)


@lru_cache(maxsize=256)
def palettes(colour: str) -> tuple[Palette, Palette]:
    """Return the button colours for the light and for the dark scheme."""
    light = readable(colour)
    dark = _first(_towards(colour, WHITE), against=DARK_CARD)
    return (
        Palette(act=light, over=_mix(light, BLACK, 0.2), ink=WHITE),
        Palette(act=dark, over=_mix(dark, WHITE, 0.3), ink=readable_ink(dark)),
    )


def readable_ink(ground: str) -> str:
    """Return black or white, whichever has the higher contrast on a background."""
    return max((WHITE, BLACK), key=lambda ink: contrast(ink, ground))


def _first(colours: Iterable[str], *, against: str) -> str:
    """Return the first colour with enough contrast. The last one, black or white, always has it."""
    return next(colour for colour in colours if contrast(colour, against) >= AA)


def _towards(colour: str, end: str) -> Iterable[str]:
    """Yield the colour, then steps towards `end`, then `end`."""
    return (_mix(colour, end, step / _STEPS) for step in range(_STEPS + 1))


def _mix(one: str, other: str, share: float) -> str:
    """Return a mix of two colours; `share` is the other's part, 0 to 1."""
    parts = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2, glossary)."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
