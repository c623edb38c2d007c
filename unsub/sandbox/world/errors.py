"""Errors of the rules, with the vendor's codes. The messages are our own wording: clients must
decide by code, and a test that matches the text should fail."""

MESSAGES = {
    5: "This method cannot be performed on objects of that type",
    11: "The account is not authorised to make this subscriber active",
    400: "No such subscriber was found on that JobID",
    401: "The subscriber has left the given list already",
    402: "Parameters was empty, or held none of the names this call looks for",
    403: "SubscriberID, SubscriberKey and EmailAddress were all missing or empty",
    404: "EmailAddress alone is not enough while the SubscriberKey permission is on",
    405: "SubscriberID and the other values belong to different subscribers",
    406: "SubscriberKey and the other values belong to different subscribers",
    407: "EmailAddress and the other values belong to different subscribers",
    12000: "The email address is not valid",
    12001: "No such subscriber was found",
    12004: "An attribute was given a value that it cannot take",
    12006: "A required attribute was given no value",
    12007: "The email address belongs to another subscriber",
    12008: "The master unsubscribe failed",
    12009: "The list does not hold the subscriber",
    12010: "The subscriber cannot be put on that list, or be given that status",
    12012: "The subscriber has been master unsubscribed already",
    12014: "The list holds the subscriber already",
    12015: "No subscriber has that SubscriberKey",
    12018: "The subscriber could not be resubscribed",
    18002: "No triggered send definition has that key",
    180008: "The triggered send was not queued: no subscriber was valid",
}


class RuleError(Exception):
    """A rule refuses a call or a part of it. `code` None: the result has no ErrorCode."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code
        self.message = "The update was refused" if code is None else MESSAGES[code]
