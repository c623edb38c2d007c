"""A unit's logo, under an address that changes with it."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from unsub.infra.database_timeout import answering
from unsub.models import Logo

from .http import plain, with_retry


@require_safe
def logo(_request: HttpRequest, digest: str) -> HttpResponse:
    """Return the picture, to be kept for a year; 404 where there is none under this digest."""
    try:
        with answering():
            image = Logo.objects.filter(digest=digest).values_list("image", flat=True).first()
    except (DatabaseError, InterfaceError):
        return with_retry(plain("Please try again in a few minutes.", status=503))
    if image is None:
        return plain("There is no such picture.", status=404)
    response = HttpResponse(bytes(image), content_type="image/webp")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
