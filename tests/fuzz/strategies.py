"""Input that is nearly right: good samples with pieces put in, taken out and exchanged."""

import re
from collections.abc import Sequence

from hypothesis import strategies as st

Edit = tuple[str, int, int, bytes]
_TEXTS = re.compile(rb">([^<]*)<|\"([^\"]*)\"|=([^&]*)")
ODD_TEXTS = (
    b"", b" ", b"-1", b"0", b"00", b"1e999", b"NaN", b"99999999999999999999", b"9" * 5000, b"true",
    b"null", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xae", b"&#0;", b"&a;",
    b"%00", b"%", b"\r\n", b"'", b'"', b"<", b"]]>", b"2026-13-45T99:99:99Z",
    b"0000-00-00T00:00:00", b"1.5", b"\xd9\xa1", b"{}", b"[]", b"a" * 3000,
)  # fmt: skip


def apply(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return the data after these edits."""
    for kind, at, size, piece in edits:
        if kind == "exchange" and (found := list(_TEXTS.finditer(data))):
            one = found[at % len(found)]
            group = one.lastindex or 0
            data = data[: one.start(group)] + piece + data[one.end(group) :]
            continue
        place = at % (len(data) + 1)
        if kind == "repeat":
            data = data[:place] + data[place : place + size] + data[place:]
        else:
            data = data[:place] + piece + data[place + size :]
    return data


def nearly(samples: Sequence[bytes], pieces: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Return a strategy of samples with up to six edits, and of any bytes."""
    piece = st.sampled_from([*pieces, *ODD_TEXTS]) | st.binary(max_size=6)
    edit = st.tuples(
        st.sampled_from(["exchange", "put", "repeat"]),
        st.integers(0, 4000), st.integers(0, 60), piece,
    )  # fmt: skip
    edited = st.builds(apply, st.sampled_from(list(samples)), st.lists(edit, max_size=6))
    return edited | st.binary(max_size=300)
