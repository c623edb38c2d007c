"""An uploaded picture becomes a logo: read with suspicion, written anew. Pure."""

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

BYTES_MAX = 2 * 1024 * 1024
SIDE_MAX = 4000  # pixels, asked of the header before anything is unpacked
# As it is shown: at most so many pixels of the page, and twice that in the file for fine screens.
WIDTH, HEIGHT, FINE = 240, 64, 2
# What an SVG may do (scripts, references to elsewhere) is no logo; animations become still.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class LogoError(ValueError):
    """The picture cannot be a logo. The message is for the person who uploaded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A picture as we wrote it: WebP, with the size in which the page shows it."""

    image: bytes
    content_digest: str
    width: int
    height: int


def encode(data: bytes) -> Encoded:
    """Return a picture of at most 240 x 64 pixels (twice that in the file), with nothing in it but
    pixels. Raises LogoError for what is no PNG, JPEG, WebP or GIF, is over 2 MB, or is larger than
    4,000 pixels on a side."""
    if len(data) > BYTES_MAX:
        raise LogoError("The file is larger than 2 MB.")
    try:
        with warnings.catch_warnings():
            # Its size is checked below; before that nothing is unpacked.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
        _check_size(opened)
        picture = opened.convert("RGBA")
    except LogoError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        raise LogoError(
            "The file is no PNG, JPEG, WebP or GIF picture, or it is damaged."
        ) from None
    picture.thumbnail((WIDTH * FINE, HEIGHT * FINE), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=88, method=6)
    image = written.getvalue()
    return Encoded(
        image=image,
        content_digest=hashlib.sha256(image).hexdigest()[:32],
        width=max(1, round(picture.width / FINE)),
        height=max(1, round(picture.height / FINE)),
    )


def _check_size(picture: Image.Image) -> None:
    """Raise LogoError for a picture that would unpack to something huge."""
    if max(picture.size) > SIDE_MAX:
        raise LogoError(f"The picture is larger than {SIDE_MAX} pixels on a side.")
