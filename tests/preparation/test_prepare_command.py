"""`python -m data_prep.prepare_audio` as a user runs it, and Beam."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import free_ports, refuses, run_here

from ada.data import Dataset, DatasetError
from ada.preparation.options import AudioOptions
from ada.preparation.parts import part_path
from ada.preparation.prepare import prepare

COMMAND = "data_prep.prepare_audio"
ROOT = Path(__file__).resolve().parents[2]
beam = pytest.importorskip("ada.preparation.beam", reason="Apache Beam is an extra")
PROCESSES = (
    "--pipeline_options=--runner=FnApiRunner,--direct_num_workers=2,"
    "--direct_running_mode=multi_processing"
)


def run(*arguments):
    command = [sys.executable, "-m", COMMAND, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr + done.stdout
    return done


@pytest.fixture
def music(tmp_path, write_audio):
    for i in range(5):
        write_audio(tmp_path / f"in/{i}.wav", 3, rate=22050, seed=i)
    write_audio(tmp_path / "in/deep/short.ogg", 0.5)
    return tmp_path / "in"


@pytest.mark.parametrize("mode", [(), (PROCESSES,)], ids=["default", "processes"])
def test_local_beam_on_all_cores_equals_one_process(music, tmp_path, files_of, mode):
    done = run(
        f"--input_audio_filepatterns={music}/*.wav,{music}/**/*.ogg",
        f"--input_audio_filepatterns={music}/0.wav",
        f"--output_dir={tmp_path}/out",
        "--num_shards=2",
        *mode,
    )
    assert done.returncode == 0, done.stderr
    assert "too_short" in done.stdout and "times real time" in done.stdout
    assert "Preparing: 100%" in done.stderr
    assert "oneDNN" not in done.stderr and "apitools" not in done.stderr
    inputs = (f"{music}/*.wav", f"{music}/**/*.ogg", f"{music}/0.wav")
    prepare(str(tmp_path / "here"), AudioOptions(inputs=inputs, num_shards=2))
    assert files_of(tmp_path / "out") == files_of(tmp_path / "here")


@pytest.mark.parametrize("num_workers", [1, 3])
def test_number_of_beam_workers_changes_nothing(music, tmp_path, files_of, num_workers):
    options = beam.pipeline_options(
        [
            "--runner=FnApiRunner,--direct_running_mode=multi_threading",
            f"--direct_num_workers={num_workers}",
        ]
    )
    run_jobs = functools.partial(beam.run_on_beam, options=options)
    prepare(str(tmp_path / "out"), AudioOptions(inputs=(str(music),)), run_jobs=run_jobs)
    prepare(str(tmp_path / "here"), AudioOptions(inputs=(str(music),)))
    assert files_of(tmp_path / "out") == files_of(tmp_path / "here")


def test_failing_worker_is_one_line(music, tmp_path, monkeypatch):
    (Path(part_path(str(tmp_path / "out"), "0.wav")) / "in the way").mkdir(parents=True)
    options = beam.pipeline_options(["--runner=FnApiRunner"])
    run_jobs = functools.partial(beam.run_on_beam, options=options)
    with pytest.raises(DatasetError, match="The Beam pipeline failed: ") as error:
        prepare(str(tmp_path / "out"), AudioOptions(inputs=(str(music),)), run_jobs=run_jobs)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    Path(message.split("all of it: ")[1].rstrip(")")).unlink()


def test_options_of_the_pipeline():
    parsed = beam.pipeline_options(
        ["--runner=DataflowRunner,--project=x,--labels=a=1,b=2", "--region=r"]
    ).get_all_options()
    assert parsed["runner"] == "DataflowRunner"
    assert (parsed["project"], parsed["region"]) == ("x", "r")
    assert parsed["labels"] == ["a=1,b=2"]
    local = beam.pipeline_options().get_all_options()
    assert local["runner"] == "FnApiRunner"
    assert local["direct_num_workers"] == 0
    with pytest.raises(DatasetError, match="--name=value; got 'runner=x'"):
        beam.pipeline_options(["runner=x"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            "--direct_num_worker=2",
            "no option --direct_num_worker: .*--direct_num_work",
        ),
        ("--temp_locatoin", "no option --temp_locatoin: .*--temp_location"),
        ("--xyzzy=1,--runner=FnApiRunner", "no option --xyzzy: leave it out"),
        ("--runner=FlinkRuner", "FlinkRuner. Valid values are DataflowRunner, .*FlinkRunner, "),
        ("--runner=no.such.Runner", "No module named 'no'"),
    ],
)
def test_options_that_beam_does_not_know(option, said):
    with pytest.raises(DatasetError, match=said):
        beam.pipeline_options([option])


class Elsewhere:
    """A job on other machines, in the midst of which Ctrl-C comes."""

    def __init__(self, error=None):
        self.error, self.cancelled = error, False

    def wait_until_finish(self):
        raise KeyboardInterrupt

    def cancel(self):
        if self.error:
            raise self.error
        self.cancelled = True


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (None, "The job was cancelled."),
        (NotImplementedError("no way"), "The job goes on, .*no way.*: cancel it where it runs"),
    ],
)
def test_an_interrupted_command_cancels_its_job_or_says_that_it_goes_on(
    error, message, music, tmp_path, monkeypatch, capfd
):
    job = Elsewhere(error)
    monkeypatch.setattr(beam.beam.Pipeline, "run", lambda self: job)
    run_jobs = functools.partial(beam.run_on_beam, options=beam.pipeline_options())
    with pytest.raises(KeyboardInterrupt):
        prepare(str(tmp_path / "out"), AudioOptions(inputs=(str(music),)), run_jobs=run_jobs)
    assert re.search(message, capfd.readouterr().err)
    assert job.cancelled == (error is None)


def prepared_on(options, music, out):
    run_jobs = functools.partial(beam.run_on_beam, options=beam.pipeline_options(options))
    prepare(out, AudioOptions(inputs=(str(music),)), run_jobs=run_jobs)


@pytest.mark.long
def test_dask_equals_one_process(music, tmp_path, files_of, monkeypatch):
    """A cluster of its own, and one at an address whose workers have another directory."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    prepare(str(tmp_path / "here"), AudioOptions(inputs=(str(music),)))
    monkeypatch.chdir(tmp_path)
    prepared_on(["--runner=DaskRunner"], music, "own")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with distributed.LocalCluster(n_workers=2, dashboard_address=None) as cluster:
        monkeypatch.chdir(tmp_path)
        address = f"--dask_client_address={cluster.scheduler_address}"
        prepared_on([f"--runner=DaskRunner,{address}"], music, "given")
    for name in ("own", "given"):
        assert files_of(tmp_path / name) == files_of(tmp_path / "here")


@pytest.mark.long
def test_a_job_server_equals_one_process(music, tmp_path, files_of, monkeypatch):
    """Beam's own portable job server; Flink's and Spark's speak the same protocol."""
    [port] = free_ports(1)
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"),
            f"--port={port}",
        ],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    try:
        prepare(str(tmp_path / "here"), AudioOptions(inputs=(str(music),)))
        monkeypatch.chdir(tmp_path)
        where = f"--runner=PortableRunner,--job_endpoint=localhost:{port}"
        prepared_on([f"{where},--environment_type=LOOPBACK"], music, "out")
    finally:
        server.kill()
        server.wait()
    assert files_of(tmp_path / "out") == files_of(tmp_path / "here")


def test_names_that_are_not_utf8_end_no_preparation(music, tmp_path):
    files = sorted(music.glob("*.wav"))
    for number, path in enumerate(files):
        shutil.copyfile(path, os.fsencode(tmp_path / "in") + b"\xfc\xff%d.wav" % number)
    inputs = (f"{tmp_path}/in*",)
    run_jobs = functools.partial(beam.run_on_beam, options=beam.pipeline_options())
    spec = prepare(str(tmp_path / "out"), AudioOptions(inputs), run_jobs=run_jobs)
    assert sum(split.num_sources for split in spec.splits.values()) == len(files)
    assert Dataset.open(tmp_path / "out").spec == spec


def test_nothing_matches(tmp_path):
    flags = [f"--input_audio_filepatterns={tmp_path}/*.wav", f"--output_dir={tmp_path}/out"]
    refuses(COMMAND, *flags, said=f"No file matches '{tmp_path}/*.wav'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output_dir=x"], "one of --input_audio_filepatterns and --maestro_csv is needed"),
        (["--input_audio_filepatterns=x"], "--output_dir"),
        (["--input_audio_filepatterns=a", "--output_dir=x", "b.wav"], "unexpected argument"),
        (["--input_audio_filepatterns=a", "--output_dir=x", "--sample_rate=fast"], "sample_rate"),
        (["--input_audio_filepatterns=a", "--output_dir=x", "--decoder=ffmpeg"], "decoder"),
        (["--input_audio_filepatterns=a", "--output_dir=x", "--test_fraction=2"], "test_fraction"),
    ],
)
def test_wrong_usage(arguments, message):
    refuses(COMMAND, *arguments, code=2, said=message)


def test_flags_and_options_have_the_same_defaults():
    found = run_here(COMMAND, "--help").stdout
    for name in ("sample_rate", "min_secs", "validation_fraction", "record_steps", "decoder"):
        default = re.search(rf"--{name}: .*?\(default: '(.*?)'\)", found, re.DOTALL).group(1)
        assert default == str(getattr(AudioOptions(), name))
