"""The WSGI application that gunicorn serves."""

import os
from importlib import import_module

from django.conf import settings
from django.urls import get_resolver

from unsub.infra.redis_client import require_transport

from .chunked import with_length
from .wsgi_request import django_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")

# Ends the start if wake-ups could not be sent. System checks do not run under gunicorn.
require_transport()

_django = django_application()
# Django imports all pages with the first request. Here, before gunicorn forks, they are imported
# once: else the first request of each process took 0.3 s of CPU longer, and its memory was its own.
get_resolver().url_patterns  # noqa: B018 - a property that imports
# By name, because models can be imported only after Django was set up.
_first = import_module("unsub.web.one_click").OneClickFirst
application = with_length(_first(_django), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
