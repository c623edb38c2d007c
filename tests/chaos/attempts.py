"""Checks on the attempts of a whole run, including those of killed workers."""

from collections.abc import Iterator

from tests.chaos.lines import Line
from tests.chaos.world import World

# A worker reads the database's clock at the start of its transaction, hence the second of grace.
# Their newest requests were sent once more after a call that a frozen worker made too late.
_SENT_AGAIN = """
    EXISTS (SELECT 1 FROM unsub_deliveryattempt l
            JOIN unsub_subscriberrequest s ON s.id = l.request_id
            WHERE l.late_at IS NOT NULL AND s.subscriber_digest = r.subscriber_digest)
"""
NONE = {
    "attempts never completed": """
        SELECT count(*) FROM unsub_deliveryattempt WHERE finished_at IS NULL
    """,
    "overlapping attempts": """
        SELECT count(*) FROM unsub_deliveryattempt a
        JOIN unsub_deliveryattempt b ON b.request_id = a.request_id AND b.number = a.number + 1
        WHERE a.finished_at > b.started_at + interval '1 second'
    """,
    "requests with missing attempts": """
        SELECT count(*) FROM unsub_subscriberrequest r WHERE r.attempts <>
            (SELECT count(*) FROM unsub_deliveryattempt a WHERE a.request_id = r.id)
    """,
    # What one call could not do, a fallback may: it is another call.
    "called again after confirmation": """
        SELECT count(*) FROM unsub_deliveryattempt a
        JOIN unsub_deliveryattempt b ON b.request_id = a.request_id AND b.number > a.number
        JOIN unsub_subscriberrequest r ON r.id = a.request_id
        WHERE (a.outcome IN ('posted', 'unsubscribed_without_event', 'already_unsubscribed',
                             'already_subscribed')
               OR (a.outcome = 'refused' AND b.call_method = a.call_method))
        AND NOT {sent_again}
    """,
    # Someone who subscribes again in the profile centre may unsubscribe from the same list again.
    "found already done without a lost reply": """
        SELECT count(*) FROM unsub_deliveryattempt a
        JOIN unsub_subscriberrequest r ON r.id = a.request_id
        WHERE a.outcome = 'already_unsubscribed' AND NOT EXISTS
            (SELECT 1 FROM unsub_deliveryattempt b
             WHERE b.request_id = a.request_id AND b.number < a.number AND b.outcome = 'unknown')
        AND NOT EXISTS
            (SELECT 1 FROM unsub_subscriberrequest e
             WHERE e.subscriber_digest = r.subscriber_digest AND e.kind = 'unsubscribe' AND e.id <>
             r.id)
        AND NOT {sent_again}
    """,
    "changes whose attempts contradict their state": """
        SELECT count(*) FROM unsub_subscriberrequest r WHERE r.kind <> 'unsubscribe'
        AND NOT {sent_again} AND NOT CASE
            WHEN r.status = 'done' THEN r.outcome IN ('posted', 'already_subscribed')
                AND r.outcome = (SELECT a.outcome FROM unsub_deliveryattempt a
                                 WHERE a.request_id = r.id ORDER BY a.number DESC LIMIT 1)
            WHEN r.status = 'superseded' THEN r.superseded_by_id IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM unsub_deliveryattempt a WHERE a.request_id = r.id
                 AND a.outcome NOT IN ('unknown', 'try_later', 'misconfigured'))
            ELSE false END
    """,
}
COUNTED = {
    "attempts": "SELECT count(*) FROM unsub_deliveryattempt",
    "calls made after their lease": """
        SELECT count(*) FROM unsub_deliveryattempt WHERE late_at IS NOT NULL
    """,
    "unsubscribes done without an event": """
        SELECT count(*) FROM unsub_deliveryattempt WHERE outcome = 'unsubscribed_without_event'
    """,
    "attempts with an unknown outcome": """
        SELECT count(*) FROM unsub_deliveryattempt WHERE outcome = 'unknown'
    """,
    "attempts that found it already done": """
        SELECT count(*) FROM unsub_deliveryattempt WHERE outcome = 'already_unsubscribed'
    """,
}


def lines(world: World) -> Iterator[Line]:
    """Yield the report's lines about attempts."""
    for what, sql in COUNTED.items():
        yield Line(what=what, number=world.query(sql)[0][0], holds=True)
    for what, sql in NONE.items():
        number = world.query(sql.replace("{sent_again}", _SENT_AGAIN))[0][0]
        yield Line(what=what, number=number, holds=number == 0)
