"""gunicorn's log, in the format of all others and without anybody's data."""

import logging

from gunicorn import glogging
from gunicorn.config import Config

from .logs import own_formatter


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger, which writes a malformed request line with the token in it, through our
    formatter."""

    def setup(self, cfg: Config) -> None:
        """Set the logs up as gunicorn does, then give each of its handlers our formatter."""
        super().setup(cfg)
        logging.captureWarnings(True)
        formatter = own_formatter()
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(formatter)
