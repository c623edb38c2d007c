"""Hypothesis strategies for contexts."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext

FAST = settings(
    deadline=None,
    max_examples=150,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

ids = st.integers(1, 2**63 - 1)
# Without control characters, surrogates and non-characters; some of it outside the BMP.
letters = st.characters(exclude_categories=("Cc", "Cs", "Cn"))
keys = st.text(letters, min_size=1, max_size=60).filter(str.strip)
addresses = st.from_regex(r"[a-z0-9.+ü]{1,20}@example\.com", fullmatch=True)
languages = st.sampled_from([None, "de", "pt-BR", "zh-Hant-TW"])

CLAIMS = ("v", "mid", "sid", "sk", "em", "jid", "lid", "bid", "scope", "ctx", "exp", "lang", "iat")
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "0", "1", "510001", "list", "all", "SEND", "ada@example.com"])
)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def subscribers(draw: st.DrawFn) -> SubscriberContext:
    """Draw a subscriber."""
    names = draw(st.sets(st.sampled_from(("id", "key", "address")), min_size=1))
    return SubscriberContext(
        subscriber_id=draw(ids) if "id" in names else None,
        subscriber_key=draw(keys) if "key" in names else None,
        email_address=draw(addresses) if "address" in names else None,
    )


@st.composite
def jobs(draw: st.DrawFn) -> JobContext:
    """Draw a job that a link can express: BatchID 0 only beside a JobID or ListID."""
    job_id, list_id = draw(st.none() | ids), draw(st.none() | ids)
    least = 1 if job_id is None and list_id is None else 0
    batch_id = draw(st.none() | st.integers(least, 50))
    return JobContext(job_id=job_id, list_id=list_id, batch_id=batch_id)


@st.composite
def contexts(draw: st.DrawFn) -> UnsubContext:
    """Draw a context that a link can express: scope `all` is always explicit."""
    scope = draw(st.sampled_from((None, Scope.LIST, Scope.ALL)))
    return UnsubContext(
        mid=draw(st.integers(1, 2**31 - 1)),
        subscriber=draw(subscribers()),
        job=draw(jobs()),
        scope=scope or Scope.LIST,
        scope_is_explicit=scope is not None,
        message_context=draw(st.sampled_from(("", "SEND", "VAWP", "PREVIEW"))),
        expires_at=draw(st.none() | st.integers(0, 2**40)),
        language=draw(languages),
    )
