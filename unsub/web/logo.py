"""A unit's logo, under a URL that contains its digest."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from unsub.infra.database_timeout import fail_fast
from unsub.models import Logo

from .http import plain, with_retry


@require_safe
def logo(_request: HttpRequest, digest: str) -> HttpResponse:
    """Return the image, cacheable for a year; 404 where no logo has this digest."""
    try:
        with fail_fast():
            image = (
                Logo.objects.filter(content_digest=digest).values_list("image", flat=True).first()
            )
    except (DatabaseError, InterfaceError):
        return with_retry(plain("Please try again in a few minutes.", status=503))
    if image is None:
        return plain("There is no such picture.", status=404)
    response = HttpResponse(bytes(image), content_type="image/webp")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
