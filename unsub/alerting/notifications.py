"""Alarms on their way to people: by mail to ADMINS, and to a signed webhook."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any

import requests
from django.conf import settings
from django.core.mail import mail_admins

from unsub.models import Alarm, Cause

TIMEOUT = (3.0, 10.0)  # seconds to connect, and for the answer
SIGNATURE = "X-ProfileCenter-Signature"
# What to do, and where the handbook says more: docs/operations.md has these headings.
ADVICE = {
    Cause.LATE: "Look at the unit's queue: manage.py delivery_status.",
    Cause.REFUSED: "Look at them in the admin; mend what is wrong, then choose Try again.",
    Cause.GIVEN_UP: "They could not be sent for ten days. Mend the cause, then choose Try again.",
    Cause.HELD: "Check the credentials and permissions in Marketing Cloud. Nothing is lost.",
    Cause.CIRCUIT_OPEN: "Marketing Cloud does not answer. We ask once a minute; nothing is lost.",
    Cause.UNKNOWN_UNIT: "Make the business unit: manage.py add_unit. Its wishes go out then.",
}


class NotTaken(Exception):  # noqa: N818 - not a mistake of ours
    """The webhook did not take an alarm; it is tried again."""


def payload(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as the webhook gets it. No person is in it: causes, numbers, times."""
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
    """Mail an alarm to ADMINS; raises what the mail server's connection raises."""
    told = payload(alarm)
    label = Cause(alarm.cause).label
    state = "over: " if told["state"] == "over" else ""
    lines = (f"{name}: {value}" for name, value in told.items() if value not in {"", None})
    mail_admins(f"{state}{label} ({alarm.mid})", "\n".join(lines))


def send_webhook(alarm: Alarm) -> None:
    """Post an alarm to ALERT_WEBHOOK_URL, signed; raises NotTaken where it is not answered with
    a 2xx. Redirects are not followed: the signature is for one address."""
    body = json.dumps(payload(alarm)).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: sign(body, at=int(time.time()))}
    try:
        response = requests.post(
            settings.ALERT_WEBHOOK_URL, data=body, headers=headers, timeout=TIMEOUT,
            allow_redirects=False,
        )  # fmt: skip
    except requests.RequestException as err:
        raise NotTaken(type(err).__name__) from None
    if not response.ok or response.is_redirect:
        raise NotTaken(f"HTTP {response.status_code}")


def sign(body: bytes, *, at: int) -> str:
    """Return the signature of a body at a time: an HMAC-SHA256 over both, so that neither can be
    changed and an old message not be sent again unnoticed."""
    key = settings.ALERT_WEBHOOK_SECRET.encode()
    digest = hmac.new(key, f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={digest}"
