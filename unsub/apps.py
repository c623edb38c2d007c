"""Configuration of the Django app."""

from django.apps import AppConfig, apps
from django.core.cache import close_caches
from django.core.signals import request_finished

from unsub.infra.kept import forget_when_saved

from . import checks

# The models of which the recipients' pages keep what they have read (unsub/infra/kept.py).
KEPT_BY_PAGES = (
    "BusinessUnit",
    "MailingList",
    "MailingListText",
    "PageText",
    "Logo",
    "DarkLogo",
    "Reason",
    "ReasonLabel",
    "Topic",
    "TopicText",
)
# And of which the recording of events does (unsub/webhooks/recording.py).
KEPT_BY_RECORDING = ("WebhookEndpoint",)


class UnsubConfig(AppConfig):
    """The app of Profile Center."""

    name = "unsub"
    verbose_name = "Unsubscribes"

    def ready(self) -> None:
        """Register the system checks, and what the pages' kept values depend on; spare each request
        the closing of caches, which does nothing to Redis's."""
        checks.register_all()
        # As the menu of the admin calls users and roles.
        apps.get_app_config("auth").verbose_name = "Team"
        for name in (*KEPT_BY_PAGES, *KEPT_BY_RECORDING):
            forget_when_saved(self.get_model(name))
        request_finished.disconnect(close_caches)
