"""Codes are of one model and one dataset, and existing codes are kept unless overwritten."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from extraction_support import LOCAL, SETTINGS, on_beam
from support import files_of, write_codes

from ada.data import SPLITS, Dataset
from ada.extraction import job as codes_job
from ada.extraction.codes import extract_codes
from ada.preparation.runners import run_in_process
from ada.runs.run import Run
from ada.training import train
from ada.utils.errors import UserError


def train_on(root):
    """Trains the run of a directory further: its checkpoints become others."""
    run_dir = root / "run"
    shutil.rmtree(run_dir / "checkpoints")
    train(dataclasses.replace(SETTINGS, num_steps=3), str(run_dir), str(root / "data"))
    return Run.open(str(run_dir)).identity()["digest"]


def test_a_checkpoint_that_changes_meanwhile_is_refused(own):
    jobs = []
    run_dir = str(own / "run")
    before = Run.open(run_dir).identity()["digest"]
    with pytest.raises(UserError, match="left no result"):
        extract_codes(run_dir, str(own / "new"), run_jobs=jobs.extend)
    after = train_on(own)
    codes_job._load.cache_clear()
    with pytest.raises(UserError, match=f"was {before} and is now {after}"):
        jobs[0].run()
    with pytest.raises(UserError, match=f"was {before} and is now {after}") as error:
        on_beam(f"{LOCAL}multi_threading")(jobs)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert "Error:" not in message and "[while" not in message
    Path(message.split("all of it: ")[1].rstrip(")")).unlink()


def test_data_that_change_meanwhile_are_refused(own):
    jobs = []
    with pytest.raises(UserError, match="left no result"):
        extract_codes(
            str(own / "run"), str(own / "new"), data_dir=str(own / "data"), run_jobs=jobs.extend
        )
    shutil.rmtree(own / "data")
    write_codes(own / "data", {split: [np.zeros(100, int)] for split in SPLITS}, 4)
    codes_job._load.cache_clear()
    with pytest.raises(UserError, match="is not train2 as it was"):
        jobs[0].run()


@pytest.mark.parametrize("unseen", ["run/run.json", "data/dataset.json"])
def test_files_that_a_worker_does_not_see_are_named(unseen, own, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    jobs = []
    with pytest.raises(UserError, match="do all workers write to that directory"):
        extract_codes(
            str(own / "run"), str(own / "new"), data_dir=str(own / "data"), run_jobs=jobs.extend
        )
    (own / unseen).rename(own / "elsewhere")
    with pytest.raises(UserError, match=f"{unseen} is there .*worker on node7"):
        jobs[0].run()


def test_a_part_that_is_complete_is_left_as_it_is(own):
    jobs = []
    with pytest.raises(UserError, match="left no result"):
        extract_codes(str(own / "run"), str(own / "new"), run_jobs=jobs.extend)
    jobs[0].run()
    part = Path(jobs[0].part_path)
    before = part.stat().st_mtime_ns
    jobs[0].run(lambda: pytest.fail("it is complete"))
    assert part.stat().st_mtime_ns == before


def test_two_commands_do_not_write_at_once(own):
    def meanwhile(jobs):
        run_in_process(jobs)
        with pytest.raises(UserError, match="another process is at work in .*new"):
            extract_codes(*dirs, data_dir=data)

    dirs, data = (str(own / "run"), str(own / "new")), str(own / "data")
    extract_codes(*dirs, data_dir=data, run_jobs=meanwhile)
    assert Dataset.is_complete(dirs[1])


def test_existing_codes_are_kept_unless_overwritten(own):
    run_dir, out, data = (str(own / name) for name in ("run", "codes", "data"))
    made = files_of(out)
    before = Run.open(run_dir).identity()["digest"]
    extract_codes(run_dir, out, data_dir=data, run_jobs=None)  # nothing to do
    assert files_of(out) == made
    other = write_codes(own / "other", {s: [np.zeros(100, int)] for s in SPLITS}, 4)
    with pytest.raises(UserError, match=f"codes of {data}, not of {other} as it is now"):
        extract_codes(run_dir, out, data_dir=other)
    after = train_on(own)
    with pytest.raises(UserError, match=f"checkpoint {before}, .* is now at {after}: --overwrite"):
        extract_codes(run_dir, out, data_dir=data)
    assert files_of(out) == made
    assert extract_codes(run_dir, out, "best", True, data).upstream["digest"] == after


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_data_are_not_replaced_by_their_codes(own, overwrite):
    before = files_of(own / "data")
    with pytest.raises(UserError, match="is the dataset to be encoded"):
        extract_codes(
            str(own / "run"), f"{own}/./data", overwrite=overwrite, data_dir=str(own / "data")
        )
    assert files_of(own / "data") == before
