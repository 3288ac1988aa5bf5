"""JSON streamed in chunks of any size, against JSON parsed at once."""

import io
import json

import pytest
from hypothesis import given, strategies as st

from skcrystal.datasets import _json_stream
from skcrystal.datasets._json_stream import JsonStream

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
pieces = st.integers(1, 40)
blanks = st.sampled_from([None, 1])


def stream_of(text, piece, monkeypatch):
    monkeypatch.setattr(_json_stream, "_PIECE", piece)
    return JsonStream(io.StringIO(text))


@given(items=st.lists(values, max_size=4), piece=pieces, indent=blanks)
def test_arrays(items, piece, indent):
    with pytest.MonkeyPatch.context() as patch:
        stream = stream_of(json.dumps(items, indent=indent), piece, patch)
        assert list(stream.items()) == items


@given(
    members=st.dictionaries(st.text(max_size=4), st.lists(values, max_size=3)),
    piece=pieces,
    indent=blanks,
)
def test_objects(members, piece, indent):
    with pytest.MonkeyPatch.context() as patch:
        stream = stream_of(json.dumps(members, indent=indent), piece, patch)
        found = {}
        for i, key in enumerate(stream.members()):
            # Whole, or an item at a time
            found[key] = list(stream.items()) if i % 2 else stream.value()
        assert found == members


@given(text=values.map(lambda value: json.dumps([value, 12345])), piece=pieces)
def test_text_that_ends_too_early(text, piece):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ValueError):
        list(stream_of(text[:-1], piece, patch).items())
