"""What `ada.listen` says of wrong flags, folders, ports and files, and how it stops."""

import re
import signal
import subprocess
import sys

import pytest
from listening_support import Rater, Server, write_samples
from support import ROOT, refuses, run, run_here

from ada.audio import write_wav
from ada.listening import Store, find_clips
from ada.listening.store import StoredClip
from ada.utils.errors import UserError


def fails(*args, code=1):
    """That the command ends with one line that says why; returns it."""
    return refuses("ada.listen", *args, code=code)


def test_wrong_commands(samples, shared_server, tmp_path):
    db = f"--db={tmp_path / 'r.sqlite'}"
    given = f"--samples={samples}"
    assert "say which: serve or results" in fails(code=2)
    assert "serve needs --samples" in fails("serve", db, code=2)
    message = fails("serve", db, given, f"--port={shared_server.port}")
    assert message.endswith("Address already in use: name another --port.")
    assert "--host=no.such.host.invalid" in fails(
        "serve", db, given, "--host=no.such.host.invalid", code=2
    )
    assert "has 2" in fails("serve", db, given, "--clips_per_system=3", code=2)
    assert "there are no ratings" in fails("results", db)
    assert not (tmp_path / "r.sqlite").exists()
    # The file of another test, whose server runs.
    one = f"--samples=zebra={samples / 'zebra_wavenet'}"
    message = fails("serve", f"--db={shared_server.db}", one, "--port=0")
    assert "6 missing" in message and "2 new (zebra/sample_000.wav)" in message


def test_without_the_extra_it_says_so(samples, tmp_path):
    text = "raise ModuleNotFoundError('No module named flask', name='flask')"
    (tmp_path / "flask.py").write_text(text)
    process = run("ada.listen", "serve", f"--samples={samples}", env={"PYTHONPATH": str(tmp_path)})
    assert process.returncode == 1
    [line] = process.stderr.splitlines()
    assert "flask" in line and "pip install -e '.[listen]'" in line


def test_samples_that_cannot_be(samples, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "bad" / "system").mkdir(parents=True)
    bad = tmp_path / "bad" / "system" / "a.wav"
    bad.write_bytes(b"no audio")
    unfinished = write_samples(tmp_path / "unfinished", 1, systems=("a",))
    (unfinished / "a" / ".unfinished").mkdir()
    one = samples / "zebra_wavenet"
    for given, match in [
        ([str(tmp_path / "missing")], "is not a directory"),
        ([str(bad)], "is not a directory"),
        ([str(empty)], "holds no folders with clips"),
        ([str(one)], f"give --samples=name={one}"),
        ([f"a={empty}"], "holds no clips"),
        ([f"a={one}", f"a={one}"], "two systems are called a"),
        (["gs://bucket/samples"], "local or mounted disk"),
        ([str(unfinished)], "give its ada.sample command again"),
    ]:
        with pytest.raises(UserError, match=re.escape(match)):
            find_clips(given)
    [clip] = find_clips([str(tmp_path / "bad")])
    with pytest.raises(UserError, match="Remove the file"):
        clip.read()


def test_where_clips_are_looked_for(samples, tmp_path):
    write_wav(tmp_path / "runs" / "hop8" / "samples" / "b.WAV", [0.1] * 99, 8000)
    write_wav(tmp_path / "runs" / "hop8" / "clips" / "c.wav", [0.1] * 99, 8000)
    (tmp_path / "runs" / "levels").mkdir()
    given = [str(tmp_path / "runs"), f"other={samples / 'okapi_amae'}"]
    assert [clip[:2] for clip in find_clips(given)] == [
        ("hop8", "b.WAV"),
        ("other", "sample_000.wav"),
        ("other", "sample_001.wav"),
    ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_stopped_it_goes_on(samples, tmp_path, number, code):
    with Server(samples, tmp_path / "r.sqlite", "--clips_per_system=1") as server:
        assert "3 systems, 6 clips at -20.0 LUFS; a rater hears 3." in server.said
        rater = Rater(server).begin()
        heard = rater.session()
        assert len(heard) == 3 and rater.rate(heard[0]["clip"], 4, 2) == 204
        server.process.send_signal(number)
        assert server.process.wait() == code
        server.process.stdout.close()
        server.start()
        assert "1 have begun" in server.said
        assert [h["clip"] for h in rater.session()] == [h["clip"] for h in heard]


def test_no_table_takes_the_place_of_the_ratings(tmp_path):
    store = Store(tmp_path / "r.sqlite", create=True)
    store.create([StoredClip("a", "b.wav", "c", 0.0)], -20.0)
    store.close()
    db = f"--db={tmp_path / 'r.sqlite'}"
    other = f"--csv={tmp_path / 'x' / '..' / 'r.sqlite'}"
    assert "are different files" in fails("results", db, other, code=2)
    same = [f"--{flag}={tmp_path / 'table'}" for flag in ("csv", "summary_csv")]
    assert "are different files" in fails("results", db, *same, code=2)
    assert run_here("ada.listen", "results", db).returncode == 0


def test_a_clip_that_changes_meanwhile_is_not_served(tmp_path):
    samples = write_samples(tmp_path / "samples", 1, systems=("a",))
    with Server(samples, tmp_path / "r.sqlite") as server:
        rater = Rater(server).begin()
        [heard] = rater.session()
        write_wav(samples / "a" / "sample_000.wav", [0.1] * 8000, 16000)
        status, headers, content = rater.clip(heard["clip"])
        assert status == 503 and content == b"The server cannot do this now.\n"


def test_tensorflow_is_not_imported():
    code = (
        "import sys, ada.listen, ada.listening.server, ada.listening.study; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
