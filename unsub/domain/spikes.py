"""When a number of unsubscribes is far above what is usual. No I/O.

Median and median absolute deviation (MAD) are robust: neither an earlier incident nor a send to ten
test addresses moves them, as it would move mean and standard deviation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Far above is over so many times the median, and over the median by so many deviations.
TIMES, DEVIATIONS = 3.0, 6.0
TO_SIGMA = 1.4826  # times the MAD: the standard deviation, where values are normally distributed
LEAST_HISTORY = 5  # values, below which nothing is usual yet
# Below these nothing is a spike: three unsubscribes where one is usual say nothing.
LEAST_NUMBER, LEAST_RATE = 50, 0.002
BIG_ENOUGH = 100  # recipients of a send whose rate is compared with
STAYS = 0.8  # of the limit: a spike that was found ends below this share, and not at the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribes:
    """Unsubscribes from a send, or of one day of it; `sent` is to how many it went, None where that
    is not known."""

    number: int
    sent: int | None = None

    @property
    def rate(self) -> float | None:
        """The share of those who got it; None where their number is not known."""
        return self.number / self.sent if self.sent else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A value far above the usual one: rates where `is_rate`, else numbers."""

    value: float
    usual: float
    is_rate: bool


def limit_of(history: Sequence[float], *, least: float) -> float:
    """Return the value above which a spike begins, `least` at the lowest."""
    usual = median(history)
    deviation = TO_SIGMA * median(abs(value - usual) for value in history)
    return max(TIMES * usual, usual + DEVIATIONS * deviation, least)


def spike_of(
    one: Unsubscribes, history: Sequence[Unsubscribes], *, was_found: bool = False
) -> Spike | None:
    """Return what is unusual, or None. Rates are compared where they are known of `one` and of
    LEAST_HISTORY others, else numbers; nothing where the history is shorter than that. `was_found`
    is whether it is known as a spike already."""
    if one.number < LEAST_NUMBER:
        return None
    rates = known_rates(history)
    if one.rate is not None and len(rates) >= LEAST_HISTORY:
        return _spike(one.rate, rates, least=LEAST_RATE, was_found=was_found, is_rate=True)
    if len(history) >= LEAST_HISTORY:
        numbers = [float(other.number) for other in history]
        least = float(LEAST_NUMBER)
        return _spike(float(one.number), numbers, least=least, was_found=was_found, is_rate=False)
    return None


def known_rates(history: Sequence[Unsubscribes]) -> list[float]:
    """Return the rates of the sends to BIG_ENOUGH people or more."""
    return [
        one.number / one.sent for one in history if one.sent is not None and one.sent >= BIG_ENOUGH
    ]


def _spike(
    value: float, history: Sequence[float], *, least: float, was_found: bool, is_rate: bool
) -> Spike | None:
    limit = limit_of(history, least=least) * (STAYS if was_found else 1)
    return Spike(value=value, usual=median(history), is_rate=is_rate) if value > limit else None
