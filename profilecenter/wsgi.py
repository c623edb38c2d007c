"""The WSGI application that gunicorn serves."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from unsub.infra.redis_client import require_transport

from .chunked import with_length

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")

# Ends the start if wake-ups could not be sent. System checks do not run under gunicorn.
require_transport()

application = with_length(get_wsgi_application(), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
