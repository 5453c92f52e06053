"""Codes of datasets: in this process or on Beam the same, resumable, never of two models."""

import functools
import pickle
import threading

import numpy as np
import pytest
from extraction_support import LENGTHS, LOCAL, SETTINGS, on_beam, write_data
from support import files_of, refuses, run, run_here

from ada.data import SPLITS, Dataset
from ada.extraction import job as codes_job
from ada.extraction.codes import extract_codes
from ada.extraction.job import SourceEncoder
from ada.preparation.runners import Interrupted, run_in_process
from ada.runs.run import Run
from ada.training import train
from ada.utils.errors import UserError


def test_codes_are_those_of_whole_sources(trained, expected):
    data, made = Dataset.open(str(trained / "data")), Dataset.open(str(trained / "here"))
    opened = Run.open(str(trained / "run"))
    model = opened.load_model()
    assert (made.spec.hop_length, made.spec.num_classes) == (64 * 4, 8)
    assert made.spec.upstream["digest"] == opened.identity()["digest"]
    assert made.spec.upstream["data_dir"] == str(trained / "data")
    for split in SPLITS:
        assert [s.name for s in made.sources(split)] == [s.name for s in data.sources(split)]
        for i, length in enumerate(LENGTHS[split]):
            whole = model.encode(data.read(split, i)[np.newaxis].astype(np.int32))[0]
            np.testing.assert_array_equal(made.read(split, i), whole)
            assert len(whole) == -(-length // 4)


@pytest.mark.parametrize("num_workers", [1, 3])
def test_beam_equals_this_process_and_loads_the_model_once(
    trained, expected, tmp_path_factory, monkeypatch, num_workers
):
    loads, load = [], Run.load_model
    monkeypatch.setattr(Run, "load_model", lambda *args: loads.append(1) or load(*args))
    codes_job._load.cache_clear()
    jobs = on_beam(f"{LOCAL}multi_threading", f"--direct_num_workers={num_workers}")
    out = trained / f"threads{num_workers}"
    extract_codes(str(trained / "run"), str(out), run_jobs=jobs)
    assert files_of(out) == expected
    assert len(loads) == 1


@pytest.mark.long
def test_the_command_on_processes_of_beam_equals_this_process(trained, expected):
    pytest.importorskip("ada.preparation.beam", reason="Apache Beam is an extra")
    out = trained / "processes"
    done = run(
        "ada.extract_codes",
        f"--run_dir={trained / 'run'}",
        f"--output_dir={out}",
        "--runner=beam",
        f"--pipeline_options={LOCAL}multi_processing,--direct_num_workers=2",
    )
    assert done.returncode == 0, done.stderr
    assert "Encoding: 100%" in done.stderr
    assert files_of(out) == expected


@pytest.mark.long  # of preparation, which is alike, always
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_job_of_a_dead_worker_is_repeated(trained, expected, deadly, capfd):
    out = trained / "died"
    extract_codes(str(trained / "run"), str(out), run_jobs=deadly(1))
    assert deadly.died() == 1
    assert "A worker process died: doing what is missing again" in capfd.readouterr().err
    assert files_of(out) == expected


def test_a_job_is_plain_data(trained, expected):
    jobs = []
    with pytest.raises(UserError, match="left no result"):
        extract_codes(str(trained / "run"), str(trained / "nothing"), run_jobs=jobs.extend)
    assert len(jobs) == sum(map(len, LENGTHS.values()))
    assert [job.source.num_steps for job in jobs] == sorted(sum(LENGTHS.values(), []), reverse=True)
    for job in jobs:
        assert pickle.loads(pickle.dumps(job)) == job
        assert b"tensorflow" not in pickle.dumps(job)


def test_jobs_are_found_from_any_working_directory(own, monkeypatch):
    monkeypatch.chdir(own)
    jobs = []
    with pytest.raises(UserError, match="left no result"):
        extract_codes("run", "new", data_dir="data", run_jobs=jobs.extend)
    monkeypatch.chdir("/")
    assert {(job.run_dir, job.data_dir, job.output_dir) for job in jobs} == {
        (str(own / "run"), str(own / "data"), str(own / "new"))
    }
    codes_job._load.cache_clear()
    jobs[-1].run()
    assert jobs[-1].is_done()


def test_interrupted_job_resumes(trained, expected, tmp_path, capsys):
    out, left = trained / "resumed", []

    def some(jobs):
        left.extend(jobs[3:])
        run_in_process(jobs[:3])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_codes(str(trained / "run"), str(out), run_jobs=some)
    missing = []

    def rest(jobs):
        missing.extend(jobs)
        run_in_process(jobs)

    extract_codes(str(trained / "run"), str(out), run_jobs=rest)
    assert missing == left
    assert "3 of 7 sources are done already" in capsys.readouterr().out
    assert files_of(out) == expected


def test_extraction_stops_between_pieces(trained, monkeypatch):
    jobs = []
    with pytest.raises(UserError):
        extract_codes(str(trained / "run"), str(trained / "stopped"), run_jobs=jobs.extend)
    small = functools.partial(SourceEncoder, piece_steps=256)
    monkeypatch.setattr(codes_job, "SourceEncoder", small)
    codes_job._load.cache_clear()
    asked = iter([False, False, True])
    with pytest.raises(Interrupted):
        jobs[0].run(lambda: next(asked))
    codes_job._load.cache_clear()
    assert not jobs[0].is_done()


def test_threads_of_one_worker_share_a_model(own):
    codes_job._load.cache_clear()
    loaded = []
    where = (str(own / "run"), "best", Run.open(str(own / "run")).identity()["digest"])
    threads = [
        threading.Thread(target=lambda: loaded.append(codes_job._loaded(*where, str(own / "data"))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in loaded}) == 1


def test_options_of_a_pipeline_need_beam(trained):
    flags = [f"--run_dir={trained / 'run'}", f"--output_dir={trained / 'x'}"]
    refuses("ada.extract_codes", *flags, "--pipeline_options=--a=1", code=2, said="--runner=beam")
    assert "--runner" in run_here("ada.extract_codes", "--help").stdout


def test_data_and_codes_may_be_behind_a_scheme(tmp_path):
    """Trained on data behind one, encoded from there to there: the same codes."""
    remote = f"ram://{tmp_path.name}"
    data = write_data(f"{remote}/data")
    train(SETTINGS, str(tmp_path / "run"), data)
    assert Run.open(str(tmp_path / "run")).open_dataset().directory == data
    codes = [f"{remote}/codes", str(tmp_path / "codes")]
    extract_codes(str(tmp_path / "run"), codes[0])
    extract_codes(str(tmp_path / "run"), codes[1])
    there, here = map(Dataset.open, codes)
    assert there.spec.splits == here.spec.splits
    for split in SPLITS:
        for i in range(len(here.sources(split))):
            np.testing.assert_array_equal(there.read(split, i), here.read(split, i))
    extract_codes(str(tmp_path / "run"), codes[0], run_jobs=None)  # nothing to do
