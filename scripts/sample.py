"""Prepare the database of `make run`, then write the links of its sample subscribers as JSON.

Run with the environment of scripts/environment.py. Running it again changes nothing.
"""

import json
import logging
import os
import sys
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.tokens import sign_link
from unsub.sandbox.world.sample import PREFERENCES

from .environment import UNITS
from .steps import say

ADMIN = "admin"
PARENT, CHILD = sorted(UNITS)
WEEKLY = JobContext(job_id=88002, list_id=7001, batch_id=0)
KIDS = JobContext(job_id=88101, list_id=7101, batch_id=0)


# The sandbox has these triggered sends.
CENTRE = {
    "profile_centre": "on", "confirm_key": "confirm-subscription", "pause_offered": "on",
    "confirm_address_key": "confirm-address", "new_link_key": "new-link",
    "address_notice_key": "address-notice", "ask_back_key": "ask-back",
}  # fmt: skip


def samples() -> tuple[tuple[str, UnsubContext, bool], ...]:
    """Return (label, context, whether the link is sealed) of each sample."""
    ada, grace, emil, mina = (SubscriberContext(subscriber_id=n) for n in range(1001, 1005))
    keyed = SubscriberContext(subscriber_id=1005, subscriber_key="sub-1005")
    return (
        ("Ada, from the list", _link(PARENT, ada, WEEKLY), False),
        ("Grace, from the list, sealed", _link(PARENT, grace, WEEKLY), True),
        ("Emil, from everything", _link(PARENT, emil, WEEKLY, Scope.ALL), False),
        ("Mina, the child unit's list", _link(CHILD, mina, KIDS), False),
        ("sub-1005, one-click", _link(PARENT, keyed, WEEKLY), False),
    )


def _link(
    mid: int, subscriber: SubscriberContext, job: JobContext, scope: Scope = Scope.LIST
) -> UnsubContext:
    return UnsubContext(
        mid=mid,
        subscriber=subscriber,
        job=job,
        scope=scope,
        scope_is_explicit=True,
        issued_at=int(time.time()),
    )


def prepare() -> bool:
    """Migrate the database; create both business units and an administrator. Return whether the
    database is new."""
    call_command("migrate", verbosity=0)
    unit_model = apps.get_model("unsub", "BusinessUnit")
    was_new = not unit_model.objects.exclude(mid=PARENT).exists()
    for mid, name in UNITS.items():
        # Changes made in the admin since are kept.
        is_new = not unit_model.objects.filter(mid=mid).exists()
        centre = CENTRE if is_new else {}
        call_command("add_unit", mid=mid, name=name, verbosity=0, stdout=sys.stderr, **centre)
        if is_new:
            _name_lists(mid)
        if is_new and mid == PARENT:
            _offer_topics(mid)
        if is_new and mid == PARENT:
            # So that a bad link shows a brand, and the form for a lost link.
            host = urlsplit(settings.PUBLIC_URL).hostname
            unit_model.objects.filter(mid=mid).update(domain=host, lost_link_form=True)
    admin, _ = get_user_model().objects.get_or_create(
        username=ADMIN, defaults={"is_staff": True, "is_superuser": True}
    )
    admin.set_password(os.environ["ADMIN_PASSWORD"])
    admin.save()
    return was_new


def _name_lists(mid: int) -> None:
    """Give the lists of the samples' emails their names."""
    job, name = (WEEKLY, "Weekly offers") if mid == PARENT else (KIDS, "Kids club")
    apps.get_model("unsub", "MailingList").objects.create(
        unit_id=mid, list_id=job.list_id or 0, name=name
    )


def add_sample_data() -> None:
    """Add two months of invented requests, an hour that is busy, and what needs attention: alarms
    of several kinds. Nothing is sent to the sandbox."""
    sample_data = import_module("scripts.sample_data")
    sealing = import_module("unsub.audit.sealing")
    # The account does not know these sends: they must not be read again, which would empty them.
    read_at = timezone.now() + timedelta(days=30)
    # Redis does not run yet: wake-ups and counts of links are lost, and would each be logged.
    logging.disable(logging.ERROR)
    sample_data.fill(held=sample_data.GARDEN, read_at=read_at, last_hour=60)
    sample_data.add_trouble(PARENT, held=sample_data.GARDEN)
    # The first sealing takes place some minutes later.
    cursors = apps.get_model("unsub", "SealCursor").objects
    cursors.create(source=sealing.RUN, upto_at=timezone.now())
    import_module("unsub.alerting.detection").evaluate()
    logging.disable(logging.NOTSET)


def _offer_topics(mid: int) -> None:
    """Offer two topics that are columns of the sandbox's data extension: a yes or no, and how
    often."""
    topics = apps.get_model("unsub", "Topic").objects
    place = {
        "unit_id": mid, "data_extension": PREFERENCES, "key_column": "SubscriberKey",
        "key_holds": "key",
    }  # fmt: skip
    topics.create(
        code="tips", name="Tips and ideas", description="How to care for what you wear.",
        column="Tips", **place,
    )  # fmt: skip
    often = topics.create(
        code="frequency", name="How often?", column="Frequency", off_value="never",
        choices="weekly = Every week\nmonthly = Once a month\nnever = Never",
        empty_value="weekly", **place,
    )  # fmt: skip
    often.texts.create(
        language="de", name="Wie oft?",
        choices="weekly = Jede Woche\nmonthly = Einmal im Monat\nnever = Nie",
    )  # fmt: skip


def _centre() -> str:
    """Return a link to Ada's profile centre, valid for 90 days."""
    ada = _link(PARENT, SubscriberContext(subscriber_id=1001), WEEKLY)
    token = sign_link(ada, keys=settings.LINK_KEYRING)
    return f"{settings.PUBLIC_URL}/p/{token}"


def _broken() -> str:
    """Return a link that was cut off on its way: its page has the form for a lost link."""
    token = sign_link(samples()[0][1], keys=settings.LINK_KEYRING)
    return f"{settings.PUBLIC_URL}/u/{token[:60]}"


def main() -> None:
    """Prepare, then write {label: link}. With --empty there is no sample data."""
    django.setup()
    if prepare() and "--empty" not in sys.argv:
        say("run: adding two months of sample data ...")
        add_sample_data()
    *pages, one_click = [
        (who, f"{settings.PUBLIC_URL}/u/{sign_link(one, keys=settings.LINK_KEYRING, seal=seal)}")
        for who, one, seal in samples()
    ]
    links = {"Ada, the profile centre": _centre(), **dict(pages)}
    # The one-click link is the last, of which the banner says how to send it.
    links |= {"A link that lost its end": _broken(), one_click[0]: one_click[1]}
    Path(sys.argv[1]).write_text(json.dumps(links))


if __name__ == "__main__":
    main()
