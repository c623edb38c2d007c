"""Emails sent by Marketing Cloud on request (manual: "Triggered Sends")."""

from dataclasses import dataclass, field
from typing import Any

from .messages import client_element, fits_xml, pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredSend:
    """One email to one recipient, by the triggered send definition with this external key.
    `attributes` fill in the email. Where the definition updates subscribers, an attribute named
    like a profile attribute changes the profile, too."""

    definition_key: str
    subscriber_key: str = field(repr=False)
    email_address: str = field(repr=False)
    attributes: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    client_mid: int | None = None

    @property
    def fits_xml(self) -> bool:
        """Whether XML 1.0 can carry all values."""
        names = (self.definition_key, self.subscriber_key, self.email_address)
        return fits_xml([*names, *(one for pair in self.attributes for one in pair)])

    def as_element(self) -> dict[str, Any]:
        """Return the send as zeep takes it, with its only recipient."""
        reader: dict[str, Any] = {
            "EmailAddress": self.email_address,
            "SubscriberKey": self.subscriber_key,
        }
        if self.attributes:
            reader["Attributes"] = pairs(self.attributes)
        return client_element(self.client_mid) | {
            "TriggeredSendDefinition": {"CustomerKey": self.definition_key},
            "Subscribers": [reader],
        }
