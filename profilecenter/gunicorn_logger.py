"""gunicorn's log in our format, scrubbed."""

import logging

from gunicorn import glogging
from gunicorn.config import Config

from .logs import own_formatter


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger with our formatter: gunicorn logs malformed request lines, which may
    contain a token."""

    def setup(self, cfg: Config) -> None:
        """Set up the logs as gunicorn does, then replace the formatter of each handler."""
        super().setup(cfg)
        logging.captureWarnings(True)
        formatter = own_formatter()
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(formatter)
