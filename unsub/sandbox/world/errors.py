"""Errors of the rules, with the vendor's codes. 400-407 say what the vendor documents (Error Codes
400-499); the other messages are our own wording. Clients must decide by code."""

MESSAGES = {
    5: "This method cannot be performed on objects of that type",
    11: "The account is not authorised to make this subscriber active",
    400: "The subscriber could not be found on the specified JobID",
    401: "The subscriber is already unsubscribed from the specified list",
    402: "The Parameters array did not contain any values or did not contain any of the"
    " Parameters we were looking for",
    403: "The EmailAddress, SubscriberKey and SubscriberID parameters were not specified or they"
    " were empty",
    404: "The SubscriberKey permission is turned on but only EmailAddress was provided. You MUST"
    " supply SubscriberKey and/or SubscriberID",
    405: "You supplied SubscriberID along with SubscriberKey and/or EmailAddress. These values"
    " refer to different subscribers",
    406: "You supplied SubscriberKey along with SubscriberID and/or EmailAddress. These values"
    " refer to different subscribers",
    407: "You supplied EmailAddress along with SubscriberKey and/or SubscriberID. These values"
    " refer to different subscribers",
    12000: "The email address is not valid",
    12001: "No such subscriber was found",
    12004: "An attribute was given a value that it cannot take",
    12006: "A required attribute was given no value",
    12007: "The email address belongs to another subscriber",
    12008: "The master unsubscribe failed",
    12009: "The list does not hold the subscriber",
    12010: "The subscriber cannot be put on that list, or be given that status",
    12012: "The subscriber has already been master unsubscribed from the system",
    12014: "The list holds the subscriber already",
    12015: "Subscriber Key Not Found",
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
