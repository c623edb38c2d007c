"""What `make bench-web` needs in the database: a business unit and links. Run in Django's shell."""

from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from unsub.domain.context import JobContext, SubscriberContext, UnsubContext
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, MailingList

from .bench_floor import TABLE

MID, LIST = 510001, 7001


def main(folder: str, number: int) -> None:
    """Write `number` paths for new requests, and some for the other lines, to files."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
    unit = BusinessUnit.objects.create(mid=MID, name="Example Outfitters", accent="#8b1e3f")
    MailingList.objects.create(unit=unit, list_id=LIST, name="Weekly offers")
    paths = [f"/u/{_token(1001 + one)}" for one in range(number + 400)]
    _write(folder, "new", paths[:number])
    _write(folder, "again", paths[number : number + 200])
    _write(folder, "page", paths[number + 200 :])
    _write(folder, "bad", [f"{path[:-5]}AAAAA" for path in paths[:200]])


def _token(subscriber_id: int) -> str:
    context = UnsubContext(
        mid=MID,
        subscriber=SubscriberContext(subscriber_id=subscriber_id),
        job=JobContext(job_id=88002, list_id=LIST, batch_id=0),
    )
    return sign_link(context, keys=settings.LINK_KEYRING)


def _write(folder: str, name: str, paths: list[str]) -> None:
    Path(folder, name).write_text("\n".join(paths))
