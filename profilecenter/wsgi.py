"""The WSGI application that gunicorn serves."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from unsub.infra.redis_client import require_transport

from .chunked import with_length

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")

# Ends the start if wake-ups could not be sent. System checks do not run under gunicorn.
require_transport()

_django = get_wsgi_application()
# By name, because models can be imported only after Django was set up.
_first = import_module("unsub.web.one_click").OneClickFirst
application = with_length(_first(_django), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
