"""What a page shows that offers help with a lost link."""

from typing import Any

from django.urls import reverse

from .brand import Sender
from .forms import LostLinkForm


def lost_link_context(sender: Sender, form: LostLinkForm | None = None) -> dict[str, Any]:
    """Return what the template takes; without the form where the unit does not offer it."""
    known: dict[str, Any] = {"sender": sender, "lost_link_url": reverse("unsub:lost_link")}
    if sender.lost_link_form:
        known["form"] = form or LostLinkForm()
    return known
