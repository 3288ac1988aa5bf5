"""Files that are written whole or not at all."""

import pytest

from skcrystal.utils._files import write_atomically


def test_file_is_replaced_when_written(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("old", "new"):
        with write_atomically(path) as part:
            part.write_text(text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_file_stays_as_it_was_after_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with write_atomically(path) as part:
            part.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
