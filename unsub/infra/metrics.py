"""Counters. Labels are codes: no person, no token. Gauges are read from the database at scrape."""

from prometheus_client import Counter

WISHES = Counter(
    "unsub_wishes", "Wishes accepted, by channel and whether they were there already.",
    ("channel", "repeated"),
)  # fmt: skip
BAD_LINKS = Counter("unsub_bad_links", "Links refused, by what was wrong.", ("reason",))
UNKNOWN_UNITS = Counter("unsub_unknown_units", "Pages shown for a MID that is no unit of ours.")
TEST_LINKS = Counter("unsub_test_links", "Test links used: nothing was recorded.", ("channel",))
UNAVAILABLE = Counter("unsub_unavailable", "Wishes that neither database nor broker took.")
