"""Prometheus counters and histograms of this process. Labels are codes: no person, no token, no
text from outside. Gauges are computed in web/metrics.py when they are scraped.

Web processes share theirs, and so do the processes of a worker (docs/operations/monitoring.md,
"Metrics").
"""

from prometheus_client import Counter, Histogram

# What the web processes count: the path from the link to the wake-up.
REQUESTS = Counter(
    "unsub_requests_accepted", "Requests accepted, by channel and whether they were repeated.",
    ("channel", "repeated"),
)  # fmt: skip
BAD_LINKS = Counter("unsub_bad_links", "Links refused, by reason.", ("reason",))
UNKNOWN_UNITS = Counter("unsub_unknown_units", "Pages shown for an unknown MID.")
TEST_LINKS = Counter("unsub_test_links", "Test links used: nothing was recorded.", ("channel",))
EMAILS = Counter(
    "unsub_mailto_emails", "Emails to the mailto address, by what became of them.", ("result",)
)
UNAVAILABLE = Counter("unsub_unavailable", "Requests that could not be stored.")

# Web and workers.
WAKEUPS = Counter("unsub_wakeups", "Wake-ups, by what became of them.", ("result",))

# What the workers count: the path from the claim to the event.
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_EXCHANGE = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 20, 30, 60)
# Up to the 48 hours within which a request has to be honoured.
_WAY = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21600, 86400, 172800)
CLAIM_TIME = Histogram(
    "unsub_claim_seconds", "Time of a claim of due rows, empty ones included.", buckets=_SHORT
)
SETTLE_TIME = Histogram("unsub_settle_seconds", "Time to settle a message.", buckets=_SHORT)
BATCH_ROWS = Histogram(
    "unsub_batch_rows", "Requests or emails in a message.", ("message_type",),
    buckets=(1, 2, 5, 10, 20, 30, 40, 50, 100),
)  # fmt: skip
SOAP_TIME = Histogram(
    "unsub_soap_seconds", "Time of a call to Marketing Cloud.", ("operation",), buckets=_EXCHANGE
)
SOAP_CALLS = Counter(
    "unsub_soap_calls", "Calls to Marketing Cloud, by operation and result.",
    ("operation", "result"),
)  # fmt: skip
TOKENS = Counter("unsub_token_renewals", "Requests for an access token, by result.", ("result",))
ATTEMPTS = Counter(
    "unsub_attempts", "Settled attempts, by message type and outcome.",
    ("message_type", "outcome"),
)  # fmt: skip
WAY_TIME = Histogram(
    "unsub_receipt_to_event_seconds", "From receipt of a request to its confirmation.", ("kind",),
    buckets=_WAY,
)  # fmt: skip
QUEUE_CHANGES = Counter(
    "unsub_queue_changes", "Changes of a queue's state by results.", ("change",)
)  # fmt: skip
WEBHOOKS = Counter("unsub_webhook_attempts", "Events posted to webhooks, by result.", ("result",))
