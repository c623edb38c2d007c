"""Files that are uploaded in the admin: in memory, bounded, and never lost in silence."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler


class BoundedUploadHandler(MemoryFileUploadHandler):
    """Keeps what fits, and counts what does not.

    Django's own steps aside for a large upload, and without another behind it the form gets no file
    at all. Here it gets one that is cut, with the size that it had: too large, as the form says.
    """

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Take every upload, however long it says it is."""
        super().handle_raw_input(*args, **kwargs)
        self.activated = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Keep a chunk up to the limit; let the rest go by."""
        if start < settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            self.file.write(raw_data)
        return None
