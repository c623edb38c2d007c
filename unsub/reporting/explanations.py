"""Explanations of outcomes and error codes for marketers. Sentences are translated where they are
displayed.

The meanings are those of the manual's "Error Codes" pages (1-99, 400-499, 12000-12099).
"""

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

# Addresses and IDs that do not belong together have the same cause, hence the same sentence.
_MISMATCH = _(
    "The link’s SubscriberID, SubscriberKey and email address belong to "
    "different subscribers. Usually the address changed after the send. Find the "
    "subscriber in Marketing Cloud and unsubscribe them there."
)
_OUR_MESSAGE = _("Marketing Cloud couldn’t read our request. Contact your operator.")
_BAD_LINK = _("The link doesn’t identify a subscriber clearly. Check the link in the email.")
_UNSUBSCRIBE_FAILED = _(
    "Marketing Cloud couldn’t unsubscribe the subscriber. Check that they’re on this list."
)
_CREDENTIALS = _(
    "Marketing Cloud rejected our credentials or their permissions. No requests "
    "are lost. They’ll be sent when an operator fixes this."
)
_NO_RIGHT = _(
    "The installed package doesn’t have permission for this. Unsubscribes aren’t "
    "affected. Add the permission in Marketing Cloud, then choose “Retry”."
)
_LEFT_FOR_GOOD = _(
    "Marketing Cloud doesn’t allow this subscriber to be resubscribed through "
    "the API. They have to use Marketing Cloud’s own Subscription Center, or "
    "Salesforce Support has to do it."
)
_NOBODY = _("Marketing Cloud has no such subscriber. The contact may have been deleted.")

ERROR_CODES: Mapping[int, str] = {
    2: _("Marketing Cloud had an unexpected error. We’ll retry automatically."),
    5: _OUR_MESSAGE,
    6: _OUR_MESSAGE,
    8: _OUR_MESSAGE,
    9: _("Marketing Cloud was under maintenance. We’ll retry automatically."),
    10: _("Marketing Cloud wasn’t available. We’ll retry automatically."),
    11: _CREDENTIALS,
    12: _CREDENTIALS,
    13: _("Marketing Cloud didn’t process the request. We’ll retry automatically."),
    17: _("Rate limit reached. Requests of this business unit are sent more slowly for a while."),
    400: _(
        "The subscriber wasn’t part of this send, or the send’s data was "
        "deleted. Retrying won’t help. Check the JobID of the link, or "
        "unsubscribe from the list without tracking."
    ),
    401: _("Already unsubscribed from this list. Nothing to do."),
    402: _OUR_MESSAGE,
    403: _BAD_LINK,
    404: _(
        "The link has only an email address, but this account identifies "
        "subscribers by SubscriberKey. Add SubscriberID or SubscriberKey to the "
        "link."
    ),
    405: _MISMATCH,
    406: _MISMATCH,
    407: _MISMATCH,
    408: _BAD_LINK,
    409: _("The subscriber isn’t on a list that this request could unsubscribe them from."),
    12001: _NOBODY,
    12008: _UNSUBSCRIBE_FAILED,
    12009: _("Not on this list. Nothing to do."),
    12012: _("Already unsubscribed from all marketing emails. Nothing to do."),
    12013: _UNSUBSCRIBE_FAILED,
    12015: _NOBODY,
    12018: _LEFT_FOR_GOOD,
}

OUTCOMES: Mapping[str, str] = {
    "posted": _("Confirmed by Marketing Cloud."),
    "unsubscribed_without_event": _(
        "Unsubscribed through an Update, because Marketing Cloud found no send "
        "to track an event against. Confirmed by Marketing Cloud; its tracking "
        "shows no unsubscribe."
    ),
    "already_unsubscribed": _("Already unsubscribed. Nothing to do."),
    "already_subscribed": _("Already subscribed. Nothing to do."),
    "try_later": _("Marketing Cloud asked us to try later. We’ll retry automatically."),
    "refused": _("Refused by Marketing Cloud. Check the request, then resolve or retry it."),
    "misconfigured": _CREDENTIALS,
    "internal_error": _(
        "An error in this application, not in Marketing Cloud. We’ll retry "
        "automatically; an operator was notified."
    ),
    "unknown": _(
        "No readable response. We’ll retry automatically; a repeated unsubscribe changes nothing."
    ),
}

# Of a row that was refused at its horizon, or by an earlier version.
_RIGHTS = frozenset({11, 12})

# Details found before a call, so that none was made. The keys are the `detail` texts of the modules
# of `unsub/delivery/kinds`, and those of `unsub/domain/outcomes.py`.
FOUND: Mapping[str, str] = {
    "nobody by these details": _NOBODY,
    "no such attribute": _(
        "This attribute no longer exists in Marketing Cloud. It may have been renamed or deleted."
    ),
    "no such topic": _(
        "This topic no longer exists here. It may have been deleted, so this can’t be sent."
    ),
    "no such data extension": _(
        "Marketing Cloud has no data extension with this topic’s external key in this business "
        "unit. Correct the topic, then choose “Retry”."
    ),
    "no such column": _(
        "The topic’s data extension doesn’t have this topic’s columns. Correct the topic or the "
        "data extension, then choose “Retry”."
    ),
    "goes in the next message": _(
        "Not sent with this message. It goes in the next one, automatically."
    ),
    "no single list": _(
        "Not sent: only an unsubscribe from one list can be sent without "
        "tracking, and this one is from all marketing emails."
    ),
    "no list": _("The request has no list. Contact your operator."),
    "on the list already": _("Already subscribed. Nothing to do."),
    "the former address was not told": _(
        "The email to the former address was refused, so this change wasn’t "
        "sent. Fix and retry that email, then choose “Retry” here."
    ),
    "the lease ended before the call": _(
        "Not sent: the worker was delayed until its lease of this request ended. "
        "We’ll retry automatically."
    ),
    "no key can seal the link": _(
        "The link in this email must be encrypted, and an RSA key can’t do that. "
        "Ask your operator to add a key of another type to LINK_KEYS, then "
        "choose “Retry”."
    ),
    "the unit has no mail for it": _(
        "This business unit has no triggered send for this email. Add its "
        "customer key under Preference center, then choose “Retry”."
    ),
}
# Details found after a call, or about one that was not made.
_DETAILS: Mapping[str, str] = {
    **FOUND,
    "the lease ran out": _(
        "The worker didn’t report the result in time. We’ll retry automatically; "
        "a repeated request changes nothing."
    ),
    "still unsubscribed": _(
        "Marketing Cloud accepted the change, but the subscriber is still "
        "unsubscribed, usually at enterprise level. Resubscribe them there, or "
        "contact Salesforce Support."
    ),
}

_COLUMNS_REFUSED = "columns refused: "
_WRONG_VALUE = _(
    "The data extension refused this value. Compare the topic’s values with the type and length of "
    "the column, then choose “Retry”."
)

STATUSES: Mapping[str, str] = {
    "waiting": _("Waiting for the subscriber to confirm by email."),
    "pending": _("Accepted and queued."),
    "sending": _("Being sent to Marketing Cloud."),
    "done": _("Done."),
    "refused": _("Not completed. Check the reason, then retry or mark as resolved."),
    "held": _("On hold until the Marketing Cloud connection is fixed."),
    "withdrawn": _("Undone by the subscriber, or not confirmed in time. Not sent."),
    "superseded": _("Replaced by a later request. Not sent."),
    "cancelled": _("Not sent: the email was no longer needed."),
}


# For lists and filters; `OUTCOMES` has the sentences.
_SHORT = {
    "posted": _("confirmed"),
    "unsubscribed_without_event": _("not tracked"),
    "already_unsubscribed": _("already off"),
    "already_subscribed": _("already on"),
    "try_later": _("retrying"),
    "refused": _("refused"),
    "misconfigured": _("no permission"),
    "internal_error": _("internal error"),
    "unknown": _("no response"),
}


def outcome_in_words(outcome: str) -> str:
    """Return an outcome in one or two words; one that is not known here as it is."""
    return _SHORT.get(outcome, outcome)


def explain(outcome: str, error_code: int | None, detail: str = "") -> str:
    """Return one sentence that explains an attempt, or "" where no attempt was made.

    A confirmed call counts as confirmed, whatever code came with it.
    """
    if detail in _DETAILS:
        return _DETAILS[detail]
    if detail.startswith(_COLUMNS_REFUSED):
        return _WRONG_VALUE
    if outcome == "refused" and error_code in _RIGHTS:
        return _NO_RIGHT
    if outcome != "posted" and error_code is not None and error_code in ERROR_CODES:
        return ERROR_CODES[error_code]
    return OUTCOMES.get(outcome, "")


LINK_FAULTS: Mapping[str, str] = {
    "malformed": _("Not a valid link. It may have been cut off or changed by an email program."),
    "too_long": _("Too long: more than 2,048 characters."),
    "bad_algorithm": _("The signing algorithm doesn’t match the key."),
    "bad_signature": _(
        "The signature doesn’t match any key in LINK_KEYS. Compare it with Key "
        "Management, and check that the link is complete."
    ),
    "wrong_unit": _("Signed with a key of another business unit."),
    "no_unit": _("No business unit in the link. Add the mid claim."),
    "not_an_object": _("The payload isn’t a JSON object. Compare it with the snippet."),
    "duplicate_name": _(
        "A claim appears twice, usually because a value contains a quote. Keep "
        "the Replace() calls of the snippet."
    ),
    "bad_claim": _("The signature is valid, but a claim isn’t."),
    "empty_test": _("A preview without a subscriber. Nothing is saved or sent."),
}
# Why a claim of a link with a good signature cannot be used.
CLAIM_FAULTS: Mapping[str, str] = {
    "mid": _("mid must be the MID of a business unit."),
    "sid": _(
        "sid must be a SubscriberID (digits). Without it, sk or em must identify the subscriber."
    ),
    "sk": _("sk must be a SubscriberKey of up to 254 characters, without control characters."),
    "em": _(
        "em must be an email address. Alone, it identifies the subscriber only "
        "if the business unit’s SubscriberKey permission is off."
    ),
    "jid": _("jid must be a JobID (digits) or empty."),
    "lid": _("lid must be a ListID (digits) or empty."),
    "bid": _("bid must be a BatchID (digits) or empty."),
    "scope": _("scope must be list or all."),
}
