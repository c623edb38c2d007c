"""Prometheus counters. Labels are codes: no person, no token. Gauges are computed in web/metrics.py
when they are scraped."""

from prometheus_client import Counter

REQUESTS = Counter(
    "unsub_requests_accepted", "Requests accepted, by channel and whether they were repeated.",
    ("channel", "repeated"),
)  # fmt: skip
BAD_LINKS = Counter("unsub_bad_links", "Links refused, by reason.", ("reason",))
UNKNOWN_UNITS = Counter("unsub_unknown_units", "Pages shown for an unknown MID.")
TEST_LINKS = Counter("unsub_test_links", "Test links used: nothing was recorded.", ("channel",))
UNAVAILABLE = Counter("unsub_unavailable", "Requests that could not be stored.")
