"""Local files: on the disk before they are named, locked where that can be."""

import errno
import fcntl
import os

import pytest

from ada.utils import files
from ada.utils.errors import UserError
from ada.utils.files import exclusive, expanded, write_bytes_atomically


def test_contents_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def note(descriptor):
        synced.append(os.read(os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY), 100))
        assert not (tmp_path / "a" / "b").exists()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    write_bytes_atomically(tmp_path / "a" / "b", b"contents")
    assert synced == [b"contents"]


def test_of_two_that_want_a_directory_one_has_it(tmp_path):
    with exclusive(tmp_path / "a"):
        with (
            pytest.raises(UserError, match="another process is at work"),
            exclusive(tmp_path / "a"),
        ):
            pass
        with exclusive(tmp_path / "b"):
            pass
    with exclusive(tmp_path / "a", wait_secs=1.0):
        pass


def test_a_process_that_was_forked_meanwhile_holds_nothing(tmp_path):
    reader, writer = os.pipe()
    with exclusive(tmp_path):
        child = os.fork()
        if not child:
            os.close(writer)
            os.read(reader, 1)  # until the parent has seen
            os._exit(0)
    with exclusive(tmp_path):
        pass
    os.close(writer)
    os.waitpid(child, 0)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_it_goes_on_and_says_so(number, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    said = []
    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(files.log, "warning", said.append)
    with exclusive(tmp_path):
        pass
    assert len(said) == 1 and "without locks" in said[0]


def test_tilde_is_home_unless_there_is_something_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/somewhere")
    assert expanded("~/data") == "/somewhere/data"
    assert expanded("~nobody_of_that_name/x") == "~nobody_of_that_name/x"
    (tmp_path / "~").mkdir()
    assert expanded("~") == "~"
    assert expanded("gs://bucket/~") == "gs://bucket/~"
