"""The Celery application: `celery -A profilecenter worker` and `... beat`."""

import os
from functools import cached_property
from typing import Any

from celery import Celery
from celery.utils.imports import symbol_by_name
from django.conf import settings

from .counters_folder import make_folder

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")


class Application(Celery):
    """Celery with our own worker, beat and logging classes (see programs.py)."""

    log_cls = "profilecenter.programs:Logging"

    @cached_property
    def Worker(self) -> Any:  # noqa: N802 - Celery's name for it
        """The class of `celery worker`. Accessed before anything imports prometheus_client."""
        if settings.WORKER_METRICS_ADDRESS is not None:
            make_folder()
        return self.subclass_with_self(symbol_by_name("profilecenter.programs:Worker"))

    @cached_property
    def Beat(self) -> Any:  # noqa: N802
        """The class of `celery beat`."""
        return self.subclass_with_self(symbol_by_name("profilecenter.programs:Beat"))


app = Application("profilecenter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
