"""Which rows belong to the same subscriber, and which are the same request, whichever digest key
they were written under, and whichever identifiers their links had.

All rows of one subscriber carry the same digest, so that SQL can compare them. Where DIGEST_KEYS
has former keys, rows written under one of them move to the current key with the subscriber's next
request (`adopt`); until then they are looked up under all keys.

A link with a SubscriberID alone and one with a SubscriberKey alone give two digests. Which of them
are of one subscriber is known from links that have both, and from Marketing Cloud (`learn`). A row
is written under the digest of its own link, so that a POST stays one insert; the worker that claims
one of the subscriber's rows moves all of them to the digest of the SubscriberID
(`precedence.claimable`); until then they are looked up under all digests (`digests_of`). Where the
two are first seen together after a change of the digest key, earlier rows of either are under a
former key: those digests become aliases, too.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet, TextField

from unsub.domain.context import SubscriberContext
from unsub.infra import digests
from unsub.infra.queries import Given, PreparedText
from unsub.models import Erasure, LinkEmail, Purpose, SubscriberAlias, SubscriberRequest
from unsub.models.request import HAS_OTHER_IDENTIFIER, RequestQuerySet

from . import erased
from .submission import Submission


def idempotency_keys(submission: Submission) -> tuple[str, ...]:
    """Return the idempotency keys of a request, the current one first. The first is stored; a row
    under any of them is the same request."""
    if submission.change is None:
        return digests.unsubscribe_digests(submission.context)
    return digests.change_digests(
        submission.context, submission.kind, str(submission.target), submission.change.value
    )


def new_link_keys(mid: int, who: SubscriberContext) -> tuple[str, ...]:
    """Return the idempotency keys of an email with a new link, the current one first."""
    subscriber_digests = digests.subscriber_digests(mid, who)
    return tuple(
        f"{Purpose.NEW_LINK.value}:{subscriber_digest}" for subscriber_digest in subscriber_digests
    )


def adopt(mid: int, who: SubscriberContext, keys: Sequence[str] = ()) -> None:
    """Move the rows of a subscriber, and the row that holds one of the idempotency keys `keys`,
    from former digest keys to the current one.

    Makes no query while there is only one digest key. Locks the rows that it changes.
    """
    current, *former = digests.subscriber_digests(mid, who)
    if not former:
        return
    erased.adopt(mid, who)
    SubscriberRequest.objects.filter(subscriber_digest__in=former).update(subscriber_digest=current)
    LinkEmail.objects.filter(subscriber_digest__in=former).update(subscriber_digest=current)
    Erasure.objects.filter(subscriber_digest__in=former).update(subscriber_digest=current)
    _adopt_aliases(current, former)
    _adopt_keys(LinkEmail.objects.all(), "idempotency_key", new_link_keys(mid, who))
    if keys:
        _adopt_keys(SubscriberRequest.objects.all(), "idempotency_key", keys)


def _adopt_aliases(current: str, former: Sequence[str]) -> None:
    """Let what is known of the former digests of a subscriber hold for the current one, unless
    something was learned of that since."""
    SubscriberAlias.objects.filter(subscriber_digest__in=former).update(subscriber_digest=current)
    known = _known_of((current, *former))
    if known.get(current) == current:
        # It was a former digest to a process that had the keys in another order.
        SubscriberAlias.objects.filter(alias=current).delete()
    others = [known[one] for one in former if known.get(one, current) != current]
    if others and current not in known:
        _store({current: others[0]})


def learn(mid: int, pairs: Iterable[tuple[int, str]]) -> None:
    """Store that each of these pairs of SubscriberID and SubscriberKey names one subscriber of the
    unit, under the current digest key, and under former ones where rows or aliases are under these.
    Of two IDs that a key had, the one learned last counts. Locks no request."""
    told: dict[str, str] = {}
    former: dict[str, str] = {}
    for number, key in pairs:
        current, *of_id = digests.id_digests(mid, number)
        of_key, *of_former_keys = digests.key_digests(mid, key)
        told[of_key] = current
        former |= dict.fromkeys((*of_id, *of_former_keys), current)
    if former:
        rows = SubscriberRequest.objects.filter(subscriber_digest__in=former).order_by()
        used = set(rows.values_list("subscriber_digest", flat=True).distinct())
        told |= {one: former[one] for one in used | _known_of(former).keys()}
        # Written by a process that had the keys in another order: no digest leads in a circle.
        SubscriberAlias.objects.filter(alias__in=set(told.values())).delete()
    _store(told)


def _known_of(aliases: Collection[str]) -> dict[str, str]:
    """Return {alias: digest of the SubscriberID} for those of these digests that are aliases."""
    known = SubscriberAlias.objects.filter(alias__in=aliases)
    return dict(known.values_list("alias", "subscriber_digest"))


def _store(aliases: Mapping[str, str]) -> None:
    """Insert or update those of these aliases that are not known, in one statement; in one order,
    so that two processes cannot deadlock. Locks none that is known."""
    if aliases:
        _STORE.execute(aliases=json.dumps(aliases))


def _storing(vendor: str) -> str:
    """Return the statement that stores a JSON object of aliases."""
    each = "json_each_text(%s::json)" if vendor == "postgresql" else "json_each(%s)"
    return f"""
        INSERT INTO unsub_subscriberalias (alias, subscriber_digest)
        SELECT told.key, told.value FROM {each} AS told
        WHERE NOT EXISTS (
            SELECT 1 FROM unsub_subscriberalias AS known
            WHERE known.alias = told.key AND known.subscriber_digest = told.value
        )
        ORDER BY told.key
        ON CONFLICT (alias) DO UPDATE SET subscriber_digest = EXCLUDED.subscriber_digest
    """  # noqa: S608 - the name of a function


_STORE = PreparedText(_storing, (Given("aliases", TextField()),))


def digests_of(
    mid: int, who: SubscriberContext | None, subscriber_digests: Collection[str] = ()
) -> frozenset[str]:
    """Return every digest under which rows of one subscriber may be: under each digest key, and of
    each identifier that is known. `subscriber_digests` are digests known to be theirs. Makes one
    to three queries."""
    found = {*subscriber_digests, *(digests.subscriber_digests(mid, who) if who else ())} - {""}
    aliases = aliases_of(found)
    found |= aliases.keys() | {*aliases.values()}
    if who and who.subscriber_id is not None and who.subscriber_key is not None:
        of_key = {*digests.key_digests(mid, who.subscriber_key)}
        of_others = SubscriberAlias.objects.filter(alias__in=of_key)
        if not of_others.exclude(subscriber_digest__in=found).exists():
            found |= of_key
    return frozenset(found)


def aliases_of(subscriber_digests: Collection[str]) -> dict[str, str]:
    """Return {alias: digest of the SubscriberID} for all subscribers that have one of these
    digests."""
    # In two steps: PostgreSQL uses no index for `a OR b IN (SELECT ...)`.
    known = SubscriberAlias.objects.filter(
        Q(alias__in=subscriber_digests) | Q(subscriber_digest__in=subscriber_digests)
    )
    found = dict(known.values_list("alias", "subscriber_digest"))
    more = {*found.values()} - {*subscriber_digests}
    if more:
        others = SubscriberAlias.objects.filter(subscriber_digest__in=more)
        found |= dict(others.values_list("alias", "subscriber_digest"))
    return found


def digests_in_sql(own: Collection[str]) -> tuple[Collection[str], QuerySet[Any, Any]]:
    """Return collections that together hold every digest under which rows of the subscriber may be
    who has the digests `own`: those, and a subquery for the ones that `aliases_of` finds."""
    aliases = SubscriberAlias.objects.order_by()
    of_keys = aliases.filter(alias__in=own).values("subscriber_digest")
    others = aliases.filter(subscriber_digest__in=own).values("alias")
    # In one, which costs every INSERT less than three: PostgreSQL makes them ready even where it
    # does not need them.
    return own, of_keys.union(
        others, aliases.filter(subscriber_digest__in=of_keys).values("alias"), all=True
    )


def _adopt_keys(rows: QuerySet[Any], column: str, keys: Sequence[str]) -> None:
    """Set the current key `keys[0]` in `column` of the newest row that holds one of these keys, and
    NULL in the others."""
    holding = rows.filter(**{f"{column}__in": keys})
    found = list(holding.order_by("-received_at", "-pk").values_list("pk", column))
    if not found or found == [(found[0][0], keys[0])]:
        return
    newest, *others = (pk for pk, _ in found)
    rows.filter(pk__in=others).update(**{column: None})
    holding.filter(pk=newest).update(**{column: keys[0]})


def with_subscriber_id(mids: Iterable[int], ids: Collection[int]) -> Q:
    """Return Q for the rows of these business units that carry one of these SubscriberIDs in clear.

    By index: by the digest where that is of the SubscriberID, and by the SubscriberID where the row
    has another identifier, too."""
    known = {
        one
        for mid in mids
        for number in ids
        for one in digests.subscriber_digests(mid, SubscriberContext(subscriber_id=number))
    }
    carries = Q(subscriber_id__in=ids)
    # An erased row keeps its digest, but is no longer found by the SubscriberID.
    return (Q(subscriber_digest__in=known) & carries) | (HAS_OTHER_IDENTIFIER & carries)


def with_subscriber_key(keys: Collection[str]) -> Q:
    """Return Q for the rows that carry one of these SubscriberKeys. By index."""
    # The second condition is that of the index: PostgreSQL infers it from short lists only.
    return Q(subscriber_key__in=keys) & ~Q(subscriber_key="")


def with_address(addresses: Iterable[str]) -> Q:
    """Return Q for the rows of one of these addresses, stored or not. By index."""
    found = {one for address in addresses if address for one in digests.address_digests(address)}
    return with_digest("address_digest", found)


def with_digest(column: str, found: Collection[str]) -> Q:
    """Return Q for the rows that have one of these digests in a column. By index, of the rows that
    have any."""
    return Q(**{f"{column}__in": found}) & ~Q(**{column: ""})


def requests_of(
    mid: int, who: SubscriberContext | None, subscriber_digests: Collection[str] = ()
) -> RequestQuerySet:
    """Return the requests of one subscriber of a business unit. `subscriber_digests` are digests
    known to be theirs; `who` is None where only those are known.

    A row belongs to the subscriber by its digest, by their SubscriberID or SubscriberKey, or by an
    identifier that such a row has or that Marketing Cloud told (`learn`). Several subscribers may
    share an address: a row belongs to the subscriber by address only where it has no other
    SubscriberID or SubscriberKey than those. Makes five or six queries beside the one returned.
    """
    return SubscriberRequest.objects.filter(
        _same_subscriber(mid, who, subscriber_digests), unit_id=mid
    )


def emails_of(
    mid: int, who: SubscriberContext | None, subscriber_digests: Collection[str] = ()
) -> QuerySet[LinkEmail]:
    """Return the emails with links to one subscriber of a business unit, found as `requests_of`
    finds their requests."""
    return LinkEmail.objects.filter(_same_subscriber(mid, who, subscriber_digests), unit_id=mid)


def _same_subscriber(
    mid: int, who: SubscriberContext | None, subscriber_digests: Collection[str]
) -> Q:
    """Return Q for the rows, of either table, of one subscriber."""
    same = _by_identifier(mid, who, subscriber_digests)
    ids, keys, id_digests, key_digests = _values(
        mid, same,
        "subscriber_id", "subscriber_key", "subscriber_id_digest", "subscriber_key_digest",
    )  # fmt: skip
    if who:
        ids |= {who.subscriber_id} - {None}
        keys |= {who.subscriber_key} - {None}
    # Rows that retention has emptied have digests in place of the identifiers.
    id_digests |= {digest for one in ids for digest in digests.id_digests(mid, one)}
    key_digests |= {digest for one in keys for digest in digests.key_digests(mid, one)}
    same |= with_subscriber_id((mid,), ids) | with_subscriber_key(keys)
    same |= with_digest("subscriber_id_digest", id_digests)
    same |= with_digest("subscriber_key_digest", key_digests)
    found, addresses = _values(mid, same, "address_digest", "email_address")
    if who:
        addresses |= {who.email_address} - {None}
    found |= {one for address in addresses for one in digests.address_digests(address)}
    no_other = (Q(subscriber_id=None) | Q(subscriber_id__in=ids)) & (
        Q(subscriber_key="") | Q(subscriber_key__in=keys)
    )
    no_other &= Q(subscriber_id_digest__in={"", *id_digests}) & Q(
        subscriber_key_digest__in={"", *key_digests}
    )
    return same | (with_digest("address_digest", found) & no_other)


def _by_identifier(
    mid: int, who: SubscriberContext | None, subscriber_digests: Collection[str]
) -> Q:
    """Return Q for a subscriber's rows by digest, SubscriberID and SubscriberKey."""
    known = digests_of(mid, who, subscriber_digests)
    same = Q(subscriber_digest__in=known)
    same |= with_digest("subscriber_id_digest", known)
    same |= with_digest("subscriber_key_digest", known)
    if who and who.subscriber_id:
        same |= with_subscriber_id((mid,), {who.subscriber_id})
        same |= with_digest("subscriber_id_digest", digests.id_digests(mid, who.subscriber_id))
    if who and who.subscriber_key:
        same |= with_subscriber_key({who.subscriber_key})
        same |= with_digest("subscriber_key_digest", digests.key_digests(mid, who.subscriber_key))
    return same


def _values(mid: int, same: Q, *names: str) -> Iterator[set[Any]]:
    """Yield, for each column, the set of non-empty values in the matching rows of both tables."""
    found = [
        row
        for rows in (SubscriberRequest.objects.filter(same), LinkEmail.objects.filter(same))
        for row in rows.filter(unit_id=mid).order_by().values_list(*names).distinct()
    ]
    for number in range(len(names)):
        yield {row[number] for row in found} - {"", None}
