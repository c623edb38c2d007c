"""Configuration of the Django app."""

from django.apps import AppConfig

from . import checks


class UnsubConfig(AppConfig):
    """The app of Profile Center."""

    name = "unsub"
    verbose_name = "Unsubscribes"

    def ready(self) -> None:
        """Register the system checks."""
        checks.register_all()
