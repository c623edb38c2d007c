"""Simulated visitors of the profile centre, who change one thing after another."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from urllib.parse import urlsplit

from tests.chaos import client
from tests.chaos.client import Reply
from tests.chaos.forms import Form
from tests.chaos.ledger import Ledger
from tests.chaos.moves import ALL, CHANGE, NAME, RESUBSCRIBE, SUBSCRIBE, UNSUBSCRIBE, Move, Person
from tests.journeys.deployment import Deployment
from unsub.domain.context import SubscriberContext

STEPS = (3, 6)
PAUSES = (0.05, 0.3, 1.0, 2.0, 4.0)
CHANCES = {"list": 5, "name": 4, "everything": 1}
EVENTS = "7004"
# Text of the page shown when Marketing Cloud does not answer: no request was made.
UNREAD = "We can’t show your mailing lists right now."


class Crowd:
    """Starts `rate` new visitors a second until stopped. The random generator is seeded."""

    def __init__(self, deployment: Deployment, ledger: Ledger, *, rate: float, seed: int) -> None:
        self._deployment = deployment
        self._ledger = ledger
        self._pause = 1 / rate
        self._seed = seed
        self._stop = Event()
        self._pool = ThreadPoolExecutor(24)
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Start no more visitors, and wait for those present to finish their step."""
        self._stop.set()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            number = self._ledger.number()
            dice = random.Random(f"{self._seed}:{number}")  # noqa: S311 - to be repeated
            person = Person(number=number, path=self._path(number, with_key=dice.random() < 0.5))
            self._ledger.people.add(person)
            self._pool.submit(self._visit, person, dice)

    def _path(self, number: int, *, with_key: bool) -> str:
        """Return the path of a visitor's profile centre: one link for the whole visit."""
        key = f"sub-{number}" if with_key else None
        who = SubscriberContext(subscriber_id=number, subscriber_key=key)
        link = self._deployment.link(number, subscriber=who, issued_at=int(time.time()))
        return urlsplit(link).path.replace("/u/", "/p/", 1)

    def _visit(self, person: Person, dice: random.Random) -> None:
        """Take several steps, each after the reply to the one before."""
        for number in range(dice.randint(*STEPS)):
            self._step(person, dice, number)
            if self._stop.wait(dice.choice(PAUSES)):
                break
        if person.moves and person.moves[-1].mark[:2] == (UNSUBSCRIBE, ALL) and dice.random() < 0.7:
            # The page shows no lists to subscribers who unsubscribed from everything.
            self._step(person, dice, STEPS[1])

    def _step(self, person: Person, dice: random.Random, number: int) -> None:
        """Open a page and change one thing on it."""
        wanted = dice.choices(list(CHANCES), weights=list(CHANCES.values()))[0]
        if wanted == "name":
            self._rename(person, f"N{person.number}-{number}")
            return
        form = self._open(person, person.path)
        if form is None:
            return
        if "again" in form.buttons:
            self._send(person, form.pressed("again"), kind=RESUBSCRIBE, about=ALL)
        elif wanted == "everything":
            self._send(person, form.pressed("everything"), kind=UNSUBSCRIBE, about=ALL)
        elif boxes := sorted(form.ticked("keep") | form.open("keep")):
            self._toggle(person, form, dice.choice(boxes))
        else:
            person.unusable["without lists"] += 1

    def _toggle(self, person: Person, form: Form, number: str) -> None:
        """Unsubscribe from a list, or subscribe to it."""
        is_subscribed = number in form.ticked("keep")
        if is_subscribed and number == EVENTS:
            # No email was ever sent to this list, so there is no job to track the unsubscribe
            # against.
            person.unusable["nothing to do"] += 1
            return
        kind = UNSUBSCRIBE if is_subscribed else SUBSCRIBE
        self._send(person, form.toggled("keep", number), kind=kind, about=f"list:{number}")

    def _rename(self, person: Person, name: str) -> None:
        """Change the first name."""
        path = f"{person.path}/details"
        form = self._open(person, path)
        if form is None:
            return
        field = form.labels["First Name"]
        self._send(
            person, form.typed(field, name), kind=CHANGE, about=NAME, value=name, path=path
        )  # fmt: skip

    def _open(self, person: Person, path: str) -> Form | None:
        """Return the form of a page, or None where the page did not come."""
        reply = client.get(self._deployment.page_url(), path)
        self._ledger.look(reply.answer)
        if reply.status == 200:
            return Form(reply.text)
        person.unusable[_not_asked(reply, path) or f"page {reply.status}"] += 1
        return None

    def _send(
        self, person: Person, body: str, *, kind: str, about: str, value: str = "", path: str = ""
    ) -> None:
        """Send a form and record the outcome."""
        reply = client.post(self._deployment.page_url(), path or person.path, body)
        if why := _not_asked(reply, path):
            self._ledger.look(reply.answer)
            person.unusable[why] += 1
            return
        self._ledger.hear(reply.answer)
        person.moves.append(Move(kind=kind, about=about, value=value, status=reply.status))


def _not_asked(reply: Reply, path: str) -> str:
    """Return why the form cannot have made a request, or "" where it may have."""
    if reply.status == 503 and UNREAD in reply.text:
        return "unread"
    if reply.status == 503 and path.endswith("/details"):
        return "details 503"
    if reply.status in {409, 422}:
        return f"form {reply.status}"
    if reply.status == 303 and "/done" not in reply.location and "saved" not in reply.location:
        return "nothing saved"
    return ""
