"""One HTTP exchange with the pages, as a client sees it."""

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.chaos.ledger import Answer

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply; `text` is "" where none came."""

    answer: Answer
    location: str = ""
    text: str = ""

    @property
    def status(self) -> int:
        """The HTTP status; 0 where no reply came."""
        return self.answer.status


def get(url: str, path: str) -> Reply:
    """GET a page of the deployment at `url`."""
    return _exchange(url, "GET", path, "")


def post(url: str, path: str, body: str) -> Reply:
    """POST a form to the deployment at `url`."""
    return _exchange(url, "POST", path, body)


def _exchange(url: str, method: str, path: str, body: str) -> Reply:
    """Return the reply and its times."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
    try:
        connection.request(method, path, body, FORM)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
        status, location = response.status, response.headers.get("Location", "")
    except (OSError, http.client.HTTPException):
        # gunicorn is restarting: nothing was sent then, but the client cannot know that.
        time.sleep(0.2)
        status, location, text = 0, "", ""
    finally:
        connection.close()
    answer = Answer(status=status, began=began, ended=time.monotonic())
    return Reply(answer=answer, location=location, text=text)
