"""Mails that Marketing Cloud sends when we ask for one (manual: "Triggered Sends")."""

from dataclasses import dataclass, field
from typing import Any

from .messages import client_element, fits_xml, pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredSend:
    """One mail to one reader, by the definition with that external key. `attributes` are what the
    mail fills in; one that is named as a profile attribute may change the profile as well, where
    the definition updates its subscribers."""

    definition_key: str
    subscriber_key: str = field(repr=False)
    email_address: str = field(repr=False)
    attributes: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    client_mid: int | None = None

    @property
    def fits_xml(self) -> bool:
        """Whether XML can carry it."""
        names = (self.definition_key, self.subscriber_key, self.email_address)
        return fits_xml([*names, *(one for pair in self.attributes for one in pair)])

    def as_element(self) -> dict[str, Any]:
        """Return the send as zeep takes it, with its one reader."""
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
