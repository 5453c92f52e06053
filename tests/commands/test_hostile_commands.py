"""Commands on what is damaged, remote, locked or stopped: one line, and the right exit code."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import MICRO, ROOT, refuses, run, run_here, start, write_codes

from ada.audio import write_wav
from ada.data import SPLITS
from ada.utils.files import exclusive


def fails(module, *args, match=""):
    """That a command ends with one line that says so, and nothing else but what it did before."""
    line = refuses(module, *args, said=match, after_others=True)
    assert line.endswith((".", ")"))
    return line


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Codes, not to be changed."""
    rng = np.random.default_rng(0)
    splits = {s: [rng.integers(0, 4, 3000)] for s in SPLITS}
    return Path(write_codes(tmp_path_factory.mktemp("codes") / "data", splits, 4))


def train_flags(data, run_dir):
    prior = ["--gin_file=gin/prior_hop64.gin", *MICRO, "--gin_param=NUM_CODES=4"]
    return [*prior, f"--data_dir={data}", f"--run_dir={run_dir}"]


def test_training_on_a_damaged_shard(data, tmp_path):
    damaged = shutil.copytree(data, tmp_path / "data")
    [shard] = damaged.glob("train-*")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    fails("ada.train", *train_flags(damaged, tmp_path / "run"), match="Damaged or foreign record")


def test_training_into_a_directory_that_another_has_and_one_elsewhere(data, tmp_path):
    with exclusive(tmp_path / "run"):
        message = fails("ada.train", *train_flags(data, tmp_path / "run"))
    assert f"another process is at work in {tmp_path / 'run'}: wait for it" in message
    fails("ada.train", *train_flags(data, "gs://bucket/run"), match="name a directory on a local")


def test_a_run_directory_with_code_in_it(chain_dirs, tmp_path):
    """No command of those that load a model executes it."""
    top, bottom = (Path(shutil.copytree(d, tmp_path / Path(d).name)) for d in chain_dirs[2])
    mark = tmp_path / "executed"
    harm = {"module": "os", "class_name": "system", "config": {"command": f"touch {mark}"}}
    config = json.loads((bottom / "model.json").read_text())
    config["config"]["encoder"] = harm
    (bottom / "model.json").write_text(json.dumps(config))
    chain = f"--run_dirs={top},{bottom}"
    for module, *flags in (
        ("ada.describe", f"--run_dir={bottom}"),
        ("ada.sample", chain, f"--output_dir={tmp_path / 'out'}"),
    ):
        fails(module, *flags, match="model.json cannot be used: it asks for os.system")
    assert not mark.exists()


def test_damaged_codes_and_checkpoints(chain_dirs, tmp_path):
    top, bottom = chain_dirs[2]
    np.savez(tmp_path / "codes.npz", level1=np.array([{}], object))
    args = [f"--run_dirs={top},{bottom}", "--mode=upsample", f"--codes={tmp_path / 'codes.npz'}"]
    fails("ada.sample", *args, f"--output_dir={tmp_path / 'out'}", match="cannot be read as codes")
    copied = shutil.copytree(bottom, tmp_path / "run")
    for path in copied.glob("checkpoints/*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    fails("ada.evaluate", f"--run_dirs={copied}", match="ckpt-1 cannot be restored")


def test_names_that_a_terminal_cannot_show_and_schemes_that_nobody_knows(tmp_path):
    for number, name in enumerate(["ü.wav", "日本.wav", "a\nb.wav", "short 🎹.wav"]):
        secs = 2 if number < 3 else 0.01
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, int(secs * 16000))
        soundfile.write(tmp_path / "a.wav", noise, 16000)
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "a.wav").rename(tmp_path / "in" / name)
    command = ["data_prep.prepare_audio", f"--input_audio_filepatterns={tmp_path / 'in'}"]
    command += ["--record_steps=2000", "--runner=in_process"]
    args = [*command, f"--output_dir={tmp_path / 'out'}"]
    process = run(*args, env={"PYTHONIOENCODING": "ascii:strict"})
    assert process.returncode == 0, process.stderr
    assert "short \\U0001f3b9.wav: " in process.stdout
    match = "File system scheme 'foo' not implemented"
    fails(*command, "--output_dir=foo://bucket/out", match=match)


def test_sampling_that_is_terminated_exits_with_75_and_goes_on(chain_dirs, tmp_path):
    def command(out, secs):
        flags = [f"--run_dirs={chain_dirs[1][0]}", f"--output_dir={out}", "--num_samples=1"]
        return [*flags, f"--duration_secs={secs}", "--backend=graph"]

    out = tmp_path / "out"
    with start("ada.sample", *command(out, 30)) as process:
        while not list(out.glob("*.wav")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        code, said = process.wait(timeout=60), process.said()[1]
    assert code == 75, said
    assert said.splitlines()[-1] == "Stopped: SIGTERM came; the same command resumes."
    again = run_here("ada.sample", *command(out, 30))
    assert again.returncode == 0 and "Resuming: " in again.stdout, again.stderr


def write_into(file, buffered, *flags):
    """A process that describes a model into an open file: exit code and what it said."""
    command = [sys.executable, "-m", "ada.describe", *flags]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    process = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | ({} if buffered else {"PYTHONUNBUFFERED": "1"}),
        stdout=file,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process.returncode, process.stderr


OUTPUT = pytest.mark.parametrize("flag", ["--gin_file=gin/hop8_vqvae.gin", "--help"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@OUTPUT
def test_output_that_cannot_be_written_is_reported(flag):
    for buffered in (True, False):
        with Path("/dev/full").open("w") as full:
            code, said = write_into(full, buffered, flag)
        assert code == 1 and said.startswith("Error: No space left on device"), said
        assert len(said.splitlines()) == 1


@OUTPUT
def test_a_reader_that_has_gone_has_seen_enough(flag):
    for buffered in (True, False):
        reader, writer = os.pipe()
        os.close(reader)
        assert write_into(writer, buffered, flag) == (0, "")
        os.close(writer)


def test_a_prompt_that_cannot_be_read_is_named(chain_dirs, tmp_path):
    write_wav(tmp_path / "good.wav", np.zeros(1000), 1000)
    (tmp_path / "bad.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:50])
    args = [f"--run_dirs={chain_dirs[1][0]}", "--mode=primed"]
    out = f"--output_dir={tmp_path / 'out'}"
    prompt = f"--prompt_audio={tmp_path}/*.wav"
    fails("ada.sample", *args, out, prompt, match="bad.wav: truncated")
    fails("ada.sample", *args, "--output_dir=gs://bucket/out", prompt, match="on a local")
    assert not (ROOT / "gs:").exists()
