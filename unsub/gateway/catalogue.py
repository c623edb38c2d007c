"""What Marketing Cloud offers for a unit: its lists and its profile attributes, kept for a while.

They seldom change. A copy is kept for a day longer than it is trusted, for while Marketing Cloud
does not answer.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from unsub.models import MailingList, MailingListText, Topic, TopicText
from unsub.sfmc import DataColumn, Definition, MailList

from . import calls as gateway

FRESH_FOR, KEPT_FOR = 600, 86_400  # seconds


def lists(mid: int) -> list[MailList]:
    """Return the unit's lists, groups and suppression lists among them. Raises an SfmcError."""
    return list(_kept(f"catalogue:lists:{mid}", lambda: gateway.mail_lists(mid)))


def definitions(mid: int) -> tuple[Definition, ...]:
    """Return the unit's profile attributes, in the order to show them. Raises an SfmcError."""
    return tuple(_kept(f"catalogue:attributes:{mid}", lambda: gateway.definitions(mid)))


def data_columns(mid: int, customer_key: str) -> tuple[DataColumn, ...]:
    """Return the columns of a data extension of the unit; none where there is no such one, which
    the next call asks again. Raises an SfmcError."""
    found = known_data_columns(mid, customer_key)
    if not found:
        found = tuple(gateway.data_columns(mid, customer_key))
        if found:
            cache.set(_columns_key(mid, customer_key), found, timeout=FRESH_FOR)
    return found


def known_data_columns(mid: int, customer_key: str) -> tuple[DataColumn, ...]:
    """Return the columns of a data extension as they were lately read, or nothing. Asks nobody."""
    return tuple(cache.get(_columns_key(mid, customer_key)) or ())


def forget_data_columns(mid: int, customer_key: str) -> None:
    """Let the next read of a data extension's columns ask Marketing Cloud."""
    cache.delete(_columns_key(mid, customer_key))


def _columns_key(mid: int, customer_key: str) -> str:
    name = hashlib.sha256(customer_key.encode()).hexdigest()[:16]
    return f"catalogue:columns:{mid}:{name}"


def known_lists(mid: int) -> list[MailList]:
    """Return the lists as they were within the last day, or nothing. Asks nobody."""
    return list(cache.get(f"catalogue:lists:{mid}:kept") or ())


def forget_lists(mid: int) -> None:
    """Let the next read of a unit's lists ask Marketing Cloud. What was read stays known."""
    cache.delete(f"catalogue:lists:{mid}")


def list_name(mid: int, list_id: int | None, language: str = "") -> str:
    """Return what people know a list by: the unit's own name for it, in a language where it has
    one, else Marketing Cloud's of the last day, or nothing. Asks nobody but the database. Raises
    DatabaseError."""
    named = MailingList.objects.filter(unit_id=mid, list_id=list_id or 0)
    translated = MailingListText.objects.filter(mailing_list=OuterRef("pk"), language=language)
    translated = translated.exclude(name="").order_by()
    here = Coalesce(Subquery(translated.values("name")[:1]), F("name"))
    own = named.values_list(here, flat=True).first()
    public = (one.name for one in known_lists(mid) if one.list_id == list_id and one.is_public)
    return own or next(public, "")


def topic_name(mid: int, code: str, language: str = "") -> str:
    """Return what people know a topic by, in a language where it has a name in it; its code where
    there is no such topic any more. Asks nobody but the database. Raises DatabaseError."""
    translated = TopicText.objects.filter(topic=OuterRef("pk"), language=language)
    translated = translated.exclude(name="").order_by()
    here = Coalesce(Subquery(translated.values("name")[:1]), F("name"))
    named = Topic.objects.filter(unit_id=mid, code=code).order_by()
    return named.values_list(here, flat=True).first() or code


def _kept(key: str, read: Callable[[], Any]) -> Any:
    """Return what the cache holds, or what is read, which it then holds."""
    value = cache.get(key)
    if value is None:
        value = read()
        cache.set(key, value, timeout=FRESH_FOR)
        cache.set(f"{key}:kept", value, timeout=KEPT_FOR)
    return value
