"""A unit's logo, under a URL that contains its digest."""

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from unsub.infra.database_timeout import fail_fast
from unsub.models import DarkLogo, Logo

from .http import plain, with_retry


@require_safe
def logo(_request: HttpRequest, digest: str) -> HttpResponse:
    """Return the image, cacheable for a year; 404 where no logo has this digest."""
    try:
        with fail_fast():
            image = _image(Logo, digest) or _image(DarkLogo, digest)
    except (DatabaseError, InterfaceError):
        return with_retry(plain("Try again later.", status=503))
    if image is None:
        return plain("Not found.", status=404)
    response = HttpResponse(bytes(image), content_type="image/webp")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _image(model: type[Logo | DarkLogo], digest: str) -> bytes | None:
    """Return the image of a table with this digest, or None. Raises DatabaseError."""
    found = model.objects.filter(content_digest=digest).values_list("image", flat=True).first()
    return None if found is None else bytes(found)
