"""Worker processes of Beam that are killed in the midst of their work, and commands that are."""

import re
import signal
import time
from pathlib import Path

import pytest
from support import start

from ada.data import DatasetError
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare

beam = pytest.importorskip("ada.preparation.beam", reason="Apache Beam is an extra")
# Beam's threads end with their workers.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def music(tmp_path, write_audio):
    for i in range(6):
        write_audio(tmp_path / f"in/{i}.wav", 21, seed=i)
    return tmp_path / "in"


def test_job_of_a_dead_worker_is_repeated(music, tmp_path, files_of, deadly, capfd):
    options = AudioOptions(inputs=(str(music),), num_shards=2)
    prepare(str(tmp_path / "here"), options)
    prepare(str(tmp_path / "out"), options, run_jobs=deadly(1))
    assert deadly.died() == 1
    assert files_of(tmp_path / "out") == files_of(tmp_path / "here")
    message = capfd.readouterr().err
    [line] = [line for line in message.splitlines() if "died" in line]
    assert re.search(r"doing what is missing again, [1-6] of 6 files", line)
    assert "Traceback" not in message


@pytest.mark.long
def test_workers_that_always_die_end_it_in_one_line_and_the_same_command_goes_on(
    music, tmp_path, files_of, deadly
):
    options, out = AudioOptions(inputs=(str(music),)), str(tmp_path / "out")
    with pytest.raises(DatasetError, match="pipeline failed: a worker process died") as error:
        prepare(out, options, run_jobs=deadly(1000))
    assert 3 <= deadly.died() <= 6  # one or both workers of three pipelines
    message = str(error.value)
    assert len(message.splitlines()) == 1
    Path(message.split("all of it: ")[1].rstrip(")")).unlink()
    prepare(out, options)
    prepare(str(tmp_path / "here"), options)
    assert files_of(out) == files_of(tmp_path / "here")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("ada.data.spec.DatasetError: it was changed [while running 'x']", "it was changed"),
        (
            "tf.ResourceExhaustedError: a; No space left on device [while running 'x']",
            "a; No space left on device. Make room and give the same command again",
        ),
    ],
)
def test_a_job_that_fails_for_its_own_reason_is_not_tried_again(
    tmp_path, monkeypatch, said, message
):
    tried = []

    class Failing:
        name = "a"

        def is_done(self):
            return False

    def fail(*args):
        tried.append(args)
        raise RuntimeError("Traceback\n" + said)

    monkeypatch.setattr(beam, "_run_pipeline", fail)
    with pytest.raises(DatasetError, match=f"pipeline failed: {message}") as error:
        beam.run_on_beam([Failing()], beam.pipeline_options())
    assert len(tried) == 1
    Path(str(error.value).split("all of it: ")[1].rstrip(")")).unlink()


@pytest.mark.parametrize(
    ("mode", "number", "code"),
    [
        ("multi_threading", signal.SIGINT, 130),
        ("multi_threading", signal.SIGTERM, 75),
        ("multi_processing", signal.SIGINT, 130),
    ],
)
def test_a_command_that_is_stopped_says_so_and_goes_on(
    tmp_path, write_audio, files_of, mode, number, code
):
    for i in range(6):
        write_audio(tmp_path / f"in/{i}.wav", 60, rate=44100, channels=2, seed=i)
    out = tmp_path / "out"
    command = [
        *("data_prep.prepare_audio", f"--output_dir={out}"),
        f"--input_audio_filepatterns={tmp_path}/in",
        f"--pipeline_options=--runner=FnApiRunner,--direct_running_mode={mode}",
        "--pipeline_options=--direct_num_workers=2",
    ]
    with start(*command) as process:
        while not list(out.glob(".parts/*.json")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(timeout=60) == code, process.said()
        said = process.said()[1]
    message = {130: "Interrupted.", 75: "Stopped: SIGTERM came; the same command resumes."}[code]
    assert said.splitlines()[-1] == message and "Traceback" not in said
    missing = []

    def watched(jobs):
        missing.extend(jobs)
        for job in jobs:
            job.run()

    options = AudioOptions(inputs=(f"{tmp_path}/in",))
    prepare(str(out), options, run_jobs=watched)
    assert len(missing) < 6
    prepare(str(tmp_path / "whole"), options)
    assert files_of(out) == files_of(tmp_path / "whole")
