"""Explanations of outcomes and error codes for marketers. Sentences are translated where they are
displayed.

The meanings are those of the manual's "Error Codes" pages (1-99, 400-499, 12000-12099).
"""

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

# Addresses and IDs that do not belong together have the same cause, hence the same sentence.
_MISMATCH = _(
    "The link's subscriber details belong to different subscribers. Most often the address was "
    "changed after the mail was sent. Look the person up in Marketing Cloud and unsubscribe there."
)
_OUR_MESSAGE = _("Marketing Cloud could not make sense of our message. Tell your operator.")
_BAD_LINK = _(
    "The link did not say clearly enough who the subscriber is. Check the link in the mail."
)
_UNSUBSCRIBE_FAILED = _(
    "Marketing Cloud could not carry out the unsubscribe. Check that the person is on that list."
)
_CREDENTIALS = _(
    "Marketing Cloud did not accept our credentials or their permissions. No request is lost: "
    "all go out when an operator has corrected this."
)
_NO_RIGHT = _(
    "The installed package has not the right to do this. Nobody's unsubscribe waits for it: give "
    "it the right in Marketing Cloud, then choose “Try again”."
)
_LEFT_FOR_GOOD = _(
    "Marketing Cloud lets nobody be subscribed again by a call here. The person has to do it in "
    "Marketing Cloud's own subscription centre, or its support does it for them."
)
_NOBODY = _("Marketing Cloud knows no subscriber by these details. Was the contact deleted?")

ERROR_CODES: Mapping[int, str] = {
    2: _("Marketing Cloud had an unexpected failure. We try again by ourselves."),
    5: _OUR_MESSAGE,
    6: _OUR_MESSAGE,
    8: _OUR_MESSAGE,
    9: _("Marketing Cloud was in maintenance. We try again by ourselves."),
    10: _("Marketing Cloud was not running. We try again by ourselves."),
    11: _CREDENTIALS,
    12: _CREDENTIALS,
    13: _("Marketing Cloud did not process the call. We try again by ourselves."),
    17: _("We called Marketing Cloud too often. The whole business unit slows down for a while."),
    400: _(
        "The subscriber is not among those whom this job was sent to. Check the link's job, or "
        "unsubscribe the person from the list without an event."
    ),
    401: _("The subscriber was already off this list: nothing was left to do."),
    402: _OUR_MESSAGE,
    403: _BAD_LINK,
    404: _(
        "The link names the person by e-mail address alone, but this account knows people by "
        "subscriber key. Put the subscriber ID or key into the link."
    ),
    405: _MISMATCH,
    406: _MISMATCH,
    407: _MISMATCH,
    408: _BAD_LINK,
    409: _("The subscriber is on no list that this unsubscribe could take them off."),
    12001: _NOBODY,
    12008: _UNSUBSCRIBE_FAILED,
    12009: _("The subscriber is not on this list: nothing was left to do."),
    12012: _("The subscriber was already unsubscribed from everything: nothing was left to do."),
    12013: _UNSUBSCRIBE_FAILED,
    12015: _NOBODY,
    12018: _LEFT_FOR_GOOD,
}

OUTCOMES: Mapping[str, str] = {
    "posted": _("Marketing Cloud confirmed it."),
    "unsubscribed_without_event": _(
        "Marketing Cloud found no job to track an event against, so an Update took the person off "
        "the list that the call named. Marketing Cloud confirmed it; its tracking shows no "
        "unsubscribe."
    ),
    "already_unsubscribed": _("The subscriber was already unsubscribed: nothing was left to do."),
    "already_subscribed": _("The subscriber was on this list already: nothing was left to do."),
    "try_later": _("Marketing Cloud asked us to come back later. We try again by ourselves."),
    "refused": _("Marketing Cloud refused it. A person must look at it."),
    "misconfigured": _CREDENTIALS,
    "internal_error": _(
        "An error in this application, not in Marketing Cloud. We try again by ourselves; an "
        "operator was told."
    ),
    "unknown": _("We called and got no readable answer. Calling again does no harm, so we do."),
}

# Of a row that was refused at its horizon, or by an earlier version.
_RIGHTS = frozenset({11, 12})

# Details found before a call, so that none was made. The keys are the `detail` texts of the modules
# of `unsub/delivery/kinds`, and those of `unsub/domain/outcomes.py`.
FOUND: Mapping[str, str] = {
    "nobody by these details": _NOBODY,
    "no such attribute": _(
        "Marketing Cloud has no such attribute any more, and would have ignored the change without "
        "a word. Was it renamed or deleted?"
    ),
    "no single list": _(
        "Not sent: it is for everything, and only an unsubscribe from one list can be sent without "
        "an event."
    ),
    "no list": _("It does not say which list. Tell your operator."),
    "on the list already": _("The subscriber was on this list already: nothing was left to do."),
    "the former address was not told": _(
        "The email that tells the former address of this change was refused, so the change was not "
        "sent. Look at that email, try it again, then choose “Try again” here."
    ),
    "the lease ended before the call": _(
        "Not sent: the worker was held up until its time for this request was over. It is sent "
        "again."
    ),
    "no key can seal the link": _(
        "The link in this email has to be encrypted, and an RSA key cannot do that. An operator "
        "adds a key of another type to LINK_KEYS; then choose “Try again”."
    ),
    "the unit has no mail for it": _(
        "The business unit names no triggered send definition for this mail. Enter its key under "
        "Profile centre in the unit, then choose “Try again”."
    ),
}
# Details found after a call, or about one that was not made.
_DETAILS: Mapping[str, str] = {
    **FOUND,
    "the lease ran out": _(
        "The worker did not report in time what became of the call. Calling again does no harm, so "
        "we do."
    ),
    "still unsubscribed": _(
        "Marketing Cloud took the change, and the person is unsubscribed all the same: most often "
        "by another level of the enterprise. Subscribe them there, or let Marketing Cloud's "
        "support do it."
    ),
}

STATUSES: Mapping[str, str] = {
    "waiting": _("Not sent: it counts once the person has confirmed it from a mail."),
    "pending": _("Accepted, and waiting for its turn."),
    "sending": _("A worker is calling Marketing Cloud now."),
    "done": _("Done."),
    "refused": _("Not carried out: a person must look at it, then choose “Try again”."),
    "held": _("Waiting until the connection to Marketing Cloud is put right."),
    "withdrawn": _("Taken back, or never confirmed, before it was sent."),
    "superseded": _("Not sent: the person asked for something else later, and that counts."),
    "cancelled": _("Not sent: what the email was for was over before."),
}


def explain(outcome: str, error_code: int | None, detail: str = "") -> str:
    """Return one sentence that explains an attempt, or "" where no attempt was made.

    A confirmed call counts as confirmed, whatever code came with it.
    """
    if detail in _DETAILS:
        return _DETAILS[detail]
    if outcome == "refused" and error_code in _RIGHTS:
        return _NO_RIGHT
    if outcome != "posted" and error_code is not None and error_code in ERROR_CODES:
        return ERROR_CODES[error_code]
    return OUTCOMES.get(outcome, "")


LINK_FAULTS: Mapping[str, str] = {
    "malformed": _("This is no link of ours: it was cut, or changed by a mail program."),
    "too_long": _("It is longer than 2,048 characters."),
    "bad_algorithm": _("It is signed by an algorithm that the unit's key is not for."),
    "bad_signature": _(
        "No key of this deployment signed it. Compare the key's value in Key Management with "
        "LINK_KEYS, and see whether the link was cut."
    ),
    "wrong_unit": _("The key that signed it speaks for another business unit than the link's."),
    "no_unit": _("It names no business unit, and there are several: write mid into the claims."),
    "not_an_object": _("What it says is no JSON object: see how the snippet puts it together."),
    "duplicate_name": _(
        "It has a claim twice. A value with a quote in it does that: keep the snippet's Replace."
    ),
    "bad_claim": _("The signature is good, and a claim cannot be used."),
    "empty_test": _("A preview that names no subscriber: nothing is recorded or sent."),
}
# Why a claim of a link with a good signature cannot be used.
CLAIM_FAULTS: Mapping[str, str] = {
    "mid": _("mid must be the number of a business unit (MID)."),
    "sid": _(
        "sid must be a SubscriberID, in digits. Without one, sk or em must name the subscriber."
    ),
    "sk": _("sk must be a SubscriberKey of at most 254 characters, without control characters."),
    "em": _(
        "em must be an address; alone it names the subscriber only where the unit's SubscriberKey "
        "permission is off."
    ),
    "jid": _("jid must be a JobID, in digits, or empty."),
    "lid": _("lid must be a ListID, in digits, or empty."),
    "bid": _("bid must be a BatchID, in digits, or empty."),
    "scope": _("scope must be list or all."),
}
