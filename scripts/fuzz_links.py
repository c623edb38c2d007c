"""`python -m scripts.fuzz_links [TRIES]`: damage good links at random, a million times by default.

Each damaged link is refused, or means the same as the link it came from. Prints how many were
repaired, and ends with 1 at the first that means something else. The seed is printed.
"""

import random
import secrets
import string
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing import Pool
from urllib.parse import quote

from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.keyring import Keyring
from unsub.links.tokens import LinkError, read_link, repaired, sign_link

from .steps import say

TRIES, PROCESSES, CHUNK = 1_000_000, 2, 10_000
KEYS = Keyring.from_json({"*": ["a" * 40, "b" * 40]})
OTHER_KEYS = Keyring.from_json({"*": ["c" * 40]})
BITS = (
    ".", "..", "=", "=\r\n", "=2E", "=3D", "%2E", "%252E", "%", " ", "\r\n", "\t", "\u00ad",
    "\u200b", "\ufeff", "&#46;", "&amp;", "<", ">", '"', "'", "(", ")", "/", "?", "#", "ey", "eyJ",
    "e30", "\x00", "\udcff", "\u0130", "\u212a", "\uff21",
)  # fmt: skip
ALPHABET = string.ascii_letters + string.digits + "-_.=%"
# What happens to a link: (text, a place in it, dice) -> text.
DAMAGES: tuple[Callable[[str, int, random.Random], str], ...] = (
    lambda text, at, dice: text[:at] + dice.choice(BITS) + text[at:],
    lambda text, at, dice: text[:at] + dice.choice(ALPHABET) + text[at + 1 :],
    lambda text, at, dice: text[:at] + text[at + dice.randint(1, 4) :],
    lambda text, _, dice: dice.choice(BITS).join(text[n : n + 60] for n in range(0, len(text), 60)),
    lambda text, _, dice: text.replace(".", dice.choice(BITS)),
    lambda text, *_: quote(text, errors="replace"),
    lambda text, _, dice: text + "".join(dice.choices(ALPHABET, k=dice.randint(1, 30))),
    lambda text, _, dice: dice.choice(BITS) + text,
)


def contexts() -> list[UnsubContext]:
    """Return contexts that differ in everything that counts."""
    who = (
        SubscriberContext(subscriber_id=1001),
        SubscriberContext(subscriber_key='a"\\b'),
        SubscriberContext(subscriber_id=1002, email_address="ada@example.com"),
    )
    jobs = (JobContext(job_id=88002, list_id=7001, batch_id=0), JobContext(job_id=1), JobContext())
    return [
        UnsubContext(mid=510001, subscriber=one, job=job, scope=scope, scope_is_explicit=True)
        for one in who
        for job in jobs
        for scope in Scope
    ]


def damaged(text: str, dice: random.Random) -> str:
    """Return a text after one to five random damages."""
    for _ in range(dice.randint(1, 5)):
        text = dice.choice(DAMAGES)(text, dice.randrange(len(text) + 1), dice)
    return text


def run(seed: int) -> Counter[str]:
    """Return how many of CHUNK damaged links were refused, repaired, or came through whole. Raises
    AssertionError for one that means something else."""
    dice = random.Random(seed)  # noqa: S311 - reproducible
    found: Counter[str] = Counter()
    links = [
        (sign_link(one, keys=keys, seal=seal), one, keys is KEYS)
        for one in contexts()
        for seal in (False, True)
        for keys in (KEYS, OTHER_KEYS)
    ]
    for _ in range(CHUNK):
        token, context, is_ours = dice.choice(links)
        text = damaged(token, dice)
        try:
            got, meant = repaired(text, lambda one: read_link(one, keys=KEYS, default_mid=None))
        except LinkError:
            found["refused"] += 1
            continue
        assert is_ours, "accepted, and not signed by our key"  # noqa: S101
        assert meant == context, "accepted with another meaning"  # noqa: S101
        found["repaired" if got != text else "read as it came"] += 1
    return found


def main(arguments: list[str]) -> int:
    """Print the numbers. Return 1 where a link was accepted that should not be."""
    tries = int(arguments[0]) if arguments else TRIES
    first = secrets.randbelow(2**32)
    say(f"{tries:,} damaged links, first seed {first}")
    found: Counter[str] = Counter()
    began = time.monotonic()
    with Pool(PROCESSES) as pool:
        for part in pool.imap_unordered(run, range(first, first + max(tries // CHUNK, 1))):
            found += part
            if sys.stdout.isatty():
                sys.stdout.write(f"\r{found.total():,} of {tries:,} ")
                sys.stdout.flush()
    for name, number in found.most_common():
        say(f"{name}: {number:,}")
    say(f"all as they should be, after {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
