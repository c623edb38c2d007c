"""The Celery application: `celery -A profilecenter worker` and `... beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")

app = Celery("profilecenter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
