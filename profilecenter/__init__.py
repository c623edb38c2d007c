"""The Django project: settings, logging and entry points."""

from .celery import app as celery_app
from .logs import report_uncaught

__all__ = ["celery_app"]

report_uncaught()
