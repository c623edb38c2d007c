"""Uploads in the admin: in memory, limited in size, and never dropped silently."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler


class BoundedUploadHandler(MemoryFileUploadHandler):
    """Keeps an upload up to the limit, and counts the rest.

    Django's own handler skips large uploads, and without another handler the form gets no file at
    all. With this one it gets a truncated file with its full size, so that the form can report that
    it is too large.
    """

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Handle every upload, whatever its Content-Length."""
        super().handle_raw_input(*args, **kwargs)
        self.activated = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Keep chunks up to the limit; drop the rest."""
        if start < settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            self.file.write(raw_data)
        return None
