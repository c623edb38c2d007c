"""The app's place in Django."""

from django.apps import AppConfig

from . import checks


class UnsubConfig(AppConfig):
    """Profile Center's one app."""

    name = "unsub"
    verbose_name = "Unsubscribes"

    def ready(self) -> None:
        """Register the system checks."""
        checks.register_all()
