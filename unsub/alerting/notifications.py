"""Notifications of alarms: by email to ADMINS, and to a signed webhook."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any

import requests
from django.conf import settings
from django.core.mail import mail_admins

from unsub.models import Alarm, Cause

TIMEOUT = (3.0, 10.0)  # seconds to connect, and to read the response
SIGNATURE = "X-ProfileCenter-Signature"
# What to do. docs/operations.md has more under the same headings.
ADVICE = {
    Cause.LATE: "Look at the unit's queue: manage.py delivery_status.",
    Cause.REFUSED: "Look at them in the admin; mend what is wrong, then choose Try again.",
    Cause.GIVEN_UP: "They could not be sent for ten days. Mend the cause, then choose Try again.",
    Cause.HELD: "Check the credentials and permissions in Marketing Cloud. Nothing is lost.",
    Cause.CIRCUIT_OPEN: "Marketing Cloud does not answer. We ask once a minute; nothing is lost.",
    Cause.RESTORED: "Look at what is open, then release it in the admin: Holds after a restore.",
    Cause.LATE_CALL: "A worker was frozen past its lease. What people asked last is sent again.",
    Cause.SPOOLED: "The database does not answer, or no worker reads the spool. Keep Redis up: it "
    "has the only copy.",
    Cause.DEAD_LETTER: "See why on the page Spool of the admin; mend it, then choose Try again.",
    Cause.INTERNAL_ERROR: "An error here stops these requests, and no others. Look for "
    "delivery_raised in the log; they are tried again.",
    Cause.NOT_SEALED: "Changes to the audit would not be noticed. Look for the event "
    "audit_sealing_stopped in the log of the workers.",
    Cause.UNKNOWN_UNIT: "Create the unit with manage.py add_unit. Its requests are then sent.",
    Cause.BAD_CLAIM: "Links of this send do not work: correct the email's snippet. The link "
    "checker in the admin says what is wrong; people see the lost-link form.",
    Cause.TEST_LINKS: "Nothing is recorded for test links: see which value of _messagecontext the "
    "email's links carry.",
}


class WebhookError(Exception):
    """The webhook did not accept an alarm. The task is retried."""


def payload(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as the webhook receives it: causes, numbers, times, and no personal data."""
    over = alarm.cleared_at
    return {
        "cause": alarm.cause,
        "state": "over" if over else "open",
        "mid": alarm.mid,
        "requests": alarm.number,
        "detail": alarm.detail,
        "since": alarm.raised_at.isoformat(),
        "until": over.isoformat() if over else None,
        "advice": "" if over else ADVICE[Cause(alarm.cause)],
    }


def send_mail(alarm: Alarm) -> None:
    """Email an alarm to ADMINS. Raises OSError where the mail server does not answer."""
    content = payload(alarm)
    label = Cause(alarm.cause).label
    state = "over: " if content["state"] == "over" else ""
    lines = (f"{name}: {value}" for name, value in content.items() if value not in {"", None})
    mail_admins(f"{state}{label} ({alarm.mid})", "\n".join(lines))


def send_webhook(alarm: Alarm) -> None:
    """Post an alarm to ALERT_WEBHOOK_URL, signed. Raises WebhookError for a response other than
    2xx.

    Redirects are not followed: the signature is meant for one receiver.
    """
    body = json.dumps(payload(alarm)).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: sign(body, at=int(time.time()))}
    try:
        response = requests.post(
            settings.ALERT_WEBHOOK_URL, data=body, headers=headers, timeout=TIMEOUT,
            allow_redirects=False,
        )  # fmt: skip
    except requests.RequestException as err:
        raise WebhookError(type(err).__name__) from None
    if not response.ok or response.is_redirect:
        raise WebhookError(f"HTTP {response.status_code}")


def sign(body: bytes, *, at: int) -> str:
    """Return the signature of a body at a time (seconds since 1970): HMAC-SHA256 over both, so that
    neither can be changed, and replays of old messages can be recognised."""
    key = settings.ALERT_WEBHOOK_SECRET.encode()
    digest = hmac.new(key, f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={digest}"
