"""Make a database with a wish in every state, and write a link for each as JSON.

Run by scripts/screenshots.py in Django's shell, with the environment of its site.
"""

import json
import sys

from django.conf import settings
from django.core.management import call_command
from django.db.models.functions import Now

from unsub.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links import sign_link
from unsub.models import BusinessUnit, Channel, MailingList, Status, UnsubRequest
from unsub.outbox import Wish, enqueue

MID = 510001
WISHES = {
    "on_its_way": Status.PENDING,
    "done": Status.DONE,
    "again": Status.DONE,
    "withdrawn": Status.WITHDRAWN,
    "refused": Status.REFUSED,
}
PATHS = {"on_its_way": "/done", "done": "/done", "withdrawn": "/done"}


def main() -> None:
    """Make the states, then write {state: link}."""
    call_command("migrate", verbosity=0)
    unit = BusinessUnit.objects.create(
        mid=MID, name="Example Outfitters", contact_email="post@example.com"
    )
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")
    links = {
        "choose": _link(_context("choose")),
        "error": _link(_context("error")),
        "choose_everything": _link(_context("everything", scope=Scope.ALL)),
        "test": _link(_context("test", message_context="PREVIEW")),
        "bad_link": f"{settings.PUBLIC_URL}/u/cut-in-two",
    }
    for state, status in WISHES.items():
        context = _context(state)
        wish = Wish(token="", context=context, channel=Channel.PAGE)
        request = enqueue(wish)
        UnsubRequest.objects.filter(pk=request.pk if request else 0).update(
            status=status, finished_at=None if status == Status.PENDING else Now()
        )
        links[state] = _link(context) + PATHS.get(state, "")
    sys.stdout.write(json.dumps(links) + "\n")


def _context(name: str, **changes: object) -> UnsubContext:
    """Return the context of somebody's mail."""
    fields: dict[str, object] = {
        "mid": MID,
        "subscriber": SubscriberContext(subscriber_key=f"{name}@example.com"),
        "job": JobContext(job_id=88002, list_id=7001, batch_id=0),
        "scope_is_explicit": True,
    }
    return UnsubContext(**(fields | changes))  # type: ignore[arg-type]


def _link(context: UnsubContext) -> str:
    return f"{settings.PUBLIC_URL}/u/{sign_link(context, keys=settings.LINK_KEYRING)}"
