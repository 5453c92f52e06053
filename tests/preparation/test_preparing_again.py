"""Preparing again: what is complete, changed, of others, or run twice."""

import contextlib
import functools
import json
import os

import pytest
from dataset_support import options_for, sources_of

from ada.data import Dataset, DatasetError
from ada.preparation.prepare import prepare
from ada.preparation.runners import Interrupted, run_in_process


def test_run_again(four_files, tmp_path, files_of, write_audio, capsys):
    out = str(tmp_path / "out")
    first = prepare(out, options_for(four_files))
    before = files_of(out)
    capsys.readouterr()
    untouched = functools.partial(pytest.fail, "nothing should run")
    assert prepare(out, options_for(four_files), run_jobs=untouched) == first
    assert "is complete already; nothing to do" in capsys.readouterr().out
    write_audio(four_files / "new.wav")
    prepare(out, options_for(four_files), run_jobs=untouched)
    assert "1 files are new, 0 are gone" in capsys.readouterr().out
    (four_files / "new.wav").unlink()
    with pytest.raises(DatasetError, match="sample_rate is 16000 there, 8000 asked.*--overwrite"):
        prepare(out, options_for(four_files, sample_rate=8000))
    assert files_of(out) == before
    spec = prepare(out, options_for(four_files, sample_rate=8000), overwrite=True)
    assert spec.sample_rate == 8000 and Dataset.open(out).spec == spec
    prepare(out, options_for(four_files), overwrite=True)
    assert files_of(out) == before


def test_changed_file_is_done_again(four_files, tmp_path, write_audio):
    """After an interruption, parts of changed files and of other options are not reused."""
    done = []

    def first_two_then_stop(jobs):
        run_in_process([job for job in jobs if job.name in ("a.wav", "b.flac")])
        raise KeyboardInterrupt

    def watched(jobs):
        done.extend(job.name for job in jobs)
        run_in_process(jobs)

    out = str(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        prepare(out, options_for(four_files), run_jobs=first_two_then_stop)
    assert not Dataset.is_complete(out)
    write_audio(four_files / "b.flac", 3, seed=77)
    spec = prepare(out, options_for(four_files), run_jobs=watched)
    assert "b.flac" in done and len(done) == 3
    assert sources_of(spec)["b.flac"].num_steps == 48000


def test_a_file_that_changes_after_it_was_read_counts_as_it_was(four_files, tmp_path):
    def read_and_touched(jobs):
        run_in_process(jobs)
        os.utime(four_files / "b.flac", (0, 0))

    expected = prepare(str(tmp_path / "one"), options_for(four_files))
    spec = prepare(str(tmp_path / "two"), options_for(four_files), run_jobs=read_and_touched)
    assert sources_of(spec) == sources_of(expected)


def test_foreign_dataset_json_is_not_replaced(four_files, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/dataset.json").write_text(json.dumps({"name": "mine"}))
    with pytest.raises(DatasetError, match="not the specification of an ada dataset"):
        prepare(str(tmp_path / "out"), options_for(four_files))
    assert json.loads((tmp_path / "out/dataset.json").read_text()) == {"name": "mine"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "name",
    ["dataset.json", "index.npz", "train-00003-of-00007.tfrecord", "test-00000-of-00001.tfrecord"],
)
def test_files_of_other_datasets_stay(name, overwrite, four_files, tmp_path):
    """Other programs call their shards so, too."""
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"name": "theirs"}')
    with pytest.raises(DatasetError):
        prepare(str(out), options_for(four_files), overwrite=overwrite)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == '{"name": "theirs"}'


def test_a_dataset_of_before_there_were_markers_is_replaced(four_files, tmp_path):
    prepare(str(tmp_path / "out"), options_for(four_files))
    (tmp_path / "out" / ".made_by_ada").unlink()
    prepare(str(tmp_path / "out"), options_for(four_files), overwrite=True)
    (tmp_path / "out" / "dataset.json").write_text("damaged")
    prepare(str(tmp_path / "out"), options_for(four_files), overwrite=True)
    assert Dataset.is_complete(tmp_path / "out")


def test_a_job_that_is_run_twice_or_late_removes_nothing(four_files, tmp_path, files_of):
    """As runners for several machines do; the other attempt ends while one is in the midst."""
    prepare(str(tmp_path / "here"), options_for(four_files))
    (four_files / "text.wav").write_text("no audio")

    def parts():
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in (tmp_path / "out/.parts").iterdir()
            if path.suffix in (".json", ".tfrecord")
        }

    def several_times(jobs):
        for job in jobs:
            kept = {}

            def other_attempt(job=job, kept=kept):
                job.run()
                kept.update(parts())
                raise Interrupted

            with contextlib.suppress(Interrupted):  # of what is not audio, nobody asks
                job.run(other_attempt)
            assert kept.items() <= parts().items()
            late = parts()
            job.run()
            assert parts() == late
            job.run(lambda: pytest.fail("it is complete"))

    spec = prepare(str(tmp_path / "out"), options_for(four_files), run_jobs=several_times)
    assert [d.path for d in spec.dropped] == ["text.wav"]
    found, expected = files_of(tmp_path / "out"), files_of(tmp_path / "here")
    assert {n: f for n, f in found.items() if n != "dataset.json"} == {
        n: f for n, f in expected.items() if n != "dataset.json"
    }
