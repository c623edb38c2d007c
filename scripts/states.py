"""Create a database with a request in every state, and print a link for each, and paths of the
admin, as JSON.

Run by scripts/screenshots.py in Django's shell, with the environment of its site.
"""

import dataclasses
import io
import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.db.models.functions import Now
from PIL import Image, ImageDraw

from unsub.domain import logo_image
from unsub.domain.context import PROOF_SECONDS, JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.confirmation import token_of
from unsub.links.tokens import sign_link
from unsub.models import (
    BusinessUnit,
    Channel,
    DarkLogo,
    Kind,
    Logo,
    MailingList,
    PageText,
    Place,
    Status,
    SubscriberRequest,
)
from unsub.outbox.api import Change, Submission, submit

from . import admin_states

MID, BRAND = 510001, 510003
SUBMISSIONS = {
    "on_its_way": Status.PENDING,
    "done": Status.DONE,
    "again": Status.DONE,
    "withdrawn": Status.WITHDRAWN,
    "refused": Status.REFUSED,
    "told": Status.DONE,
    "too_late": Status.DONE,
}
PATHS = {
    "on_its_way": "/done",
    "done": "/done",
    "withdrawn": "/done",
    "told": "/done?told=1",
    "too_late": "/done?late=1",
}


def main() -> None:
    """Create the states, then print {state: link}."""
    call_command("migrate", verbosity=0)
    unit = BusinessUnit.objects.create(
        mid=MID,
        name="Example Outfitters",
        contact_email="post@example.com",
        lost_link_form=True,
        profile_centre=True,
        confirm_key="confirm-subscription",
        confirm_address_key="confirm-address",
        new_link_key="new-link",
        address_notice_key="address-notice",
        pause_offered=True,
        pause_end_action="put_back",
        domain=urlsplit(settings.PUBLIC_URL).hostname or "",
    )
    _brand()
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")
    links = {
        "choose": _link(_context("choose")),
        "error": _link(_context("error")),
        "choose_everything": _link(_context("everything", scope=Scope.ALL)),
        "test": _link(_context("test", message_context="PREVIEW")),
        "bad_link": f"{settings.PUBLIC_URL}/u/cut-in-two",
        "lost": f"{settings.PUBLIC_URL}/lost-link?kept=1",
        "lost_error": f"{settings.PUBLIC_URL}/lost-link",
        "brand": _link(_context("brand", mid=BRAND)),
        "not_found": f"{settings.PUBLIC_URL}/lost",
    }
    links |= _centre()
    for state, status in SUBMISSIONS.items():
        context = _context(state)
        submission = Submission(
            token="",
            context=context,
            channel=Channel.PAGE,
            reason="too-many" if state == "told" else "",
        )
        request = submit(submission)
        SubscriberRequest.objects.filter(pk=request.pk if request else 0).update(
            status=status,
            outcome="posted" if status == Status.DONE else "",
            attempts=0 if status == Status.PENDING else 1,
            finished_at=None if status == Status.PENDING else Now(),
        )
        links[state] = _link(context) + PATHS.get(state, "")
    links |= {f"admin_{name}": value for name, value in admin_states.create().items()}
    sys.stdout.write(json.dumps(links) + "\n")


def _centre() -> dict[str, str]:
    """Return links to the pages of the profile centre, of subscribers in the sandbox."""
    now = int(time.time())
    ada, grace, emil = (
        _context("", subscriber=SubscriberContext(subscriber_id=number), issued_at=now)
        for number in (1001, 1002, 1003)
    )
    joining = grace.for_list(7004)
    change = Change(
        kind=Kind.SUBSCRIBE,
        consent_text="By subscribing, you agree to get emails.",
        needs_confirmation=True,
    )
    common: dict[str, Any] = {"token": "", "channel": Channel.PROFILE, "language": "en"}
    waiting = submit(Submission(context=joining, change=change, **common))
    submit(Submission(context=grace.for_list(7001), **common))
    submit(Submission(context=emil.for_everything(), pause_days=30, **common))
    old = _context("", subscriber=ada.subscriber, issued_at=None)
    there, graces, emils, olds = (
        _link(one).replace("/u/", "/p/") for one in (ada, grace, emil, old)
    )
    return {
        # As the email with a new link has it.
        "centre": _mailed(ada),
        "forwarded": there,
        "centre_asked": graces,
        "centre_away": emils,
        "centre_old": olds,
        "details": f"{_mailed(ada)}/details",
        "details_error": f"{_mailed(ada)}/details",
        "yours": f"{_mailed(grace)}/yours",
        "new_link": f"{olds}/new-link",
        "confirm": f"{settings.PUBLIC_URL}/c/{token_of(waiting.pk if waiting else 0)}",
        "confirm_over": f"{settings.PUBLIC_URL}/c/nothing",
    }


def _mailed(context: UnsubContext) -> str:
    """Return a link to the profile centre that shows the details for an hour."""
    proved = dataclasses.replace(context, proved_until=int(time.time()) + PROOF_SECONDS)
    token = sign_link(proved, keys=settings.LINK_KEYRING, seal=True)
    return f"{settings.PUBLIC_URL}/p/{token}"


def _brand() -> None:
    """Create a unit with its own look and texts."""
    unit = BusinessUnit.objects.create(
        mid=BRAND,
        name="Example Garden",
        domain="garden.example.com",
        contact_email="hello@example.com",
        accent="#2f6b3a",
    )
    Logo.objects.create(unit=unit, **_picture("#2f6b3a", "#ffffff", "#1f4427"))
    DarkLogo.objects.create(unit=unit, **_picture("#8fd19b", "#0e1014", "#e6f4e8"))
    texts = {
        Place.INTRO: "In winter we write once a month.",
        Place.FOOTER: "Example Garden Ltd, 1 Example Street, Exampleton",
    }
    for place, text in texts.items():
        PageText.objects.create(unit=unit, language="en", place=place, text=text)


def _picture(ground: str, arrow: str, words: str) -> dict[str, Any]:
    """Return the fields of a logo in these colours."""
    image = Image.new("RGBA", (480, 128), "#ffffff00")
    pen = ImageDraw.Draw(image)
    pen.ellipse((8, 8, 120, 120), fill=ground)
    pen.polygon(((64, 20), (96, 96), (64, 76), (32, 96)), fill=arrow)
    pen.text((144, 36), "garden", fill=words, font_size=60)
    written = io.BytesIO()
    image.save(written, "PNG")
    return dataclasses.asdict(logo_image.encode(written.getvalue()))


def _context(name: str, **changes: object) -> UnsubContext:
    """Return the context of an email, which was sent just now."""
    fields: dict[str, object] = {
        "mid": MID,
        "subscriber": SubscriberContext(subscriber_key=f"{name}@example.com"),
        "job": JobContext(job_id=88002, list_id=7001, batch_id=0),
        "scope_is_explicit": True,
        "issued_at": int(time.time()),
    }
    return UnsubContext(**(fields | changes))  # type: ignore[arg-type]


def _link(context: UnsubContext) -> str:
    return f"{settings.PUBLIC_URL}/u/{sign_link(context, keys=settings.LINK_KEYRING)}"
