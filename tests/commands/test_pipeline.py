"""The main job, end to end, on a scale of seconds; every command of a chain is run by it."""

import io
import json
import re
import shutil
import wave
from pathlib import Path

import accessibility
import numpy as np
import pytest
import soundfile
from support import MICRO, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ada.evaluation.comparison import read_evaluation
from ada.evaluation.generated import read_clips
from ada.runs.chain import Chain
from ada.utils.errors import UserError
from ada.utils.files import exclusive

SYSTEM = "gin/systems/hop64_vqvae.gin"
NUMBERS = [
    "num_codes",
    "perplexity",
    "reconstruction_bits",
    "code_bits_per_sample",
    "total_bits",
    "bits_without_codes",
    "rolled_codes_cost_bits",
    "steps",
    "seconds",
    "wavs",
    "page",
]


@pytest.fixture(scope="module")
def finished(music, tmp_path_factory):
    """A finished pipeline: its directory, its process, its arguments."""
    out = tmp_path_factory.mktemp("pipeline") / "run"
    args = [
        f"--gin_file={SYSTEM}",
        *MICRO,
        "--baseline",
        f"--input_audio_filepatterns={music}",
        f"--run_dir={out}",
        "--num_samples=2",
        "--duration_secs=0.25",
        "--seed=1",
        "--share",
    ]
    return out, run("ada.pipeline", *args), args


def first_clip(directory):
    """The first clip of a generation."""
    return min(directory.glob("*.wav"))


def test_pipeline_makes_audio_numbers_and_a_page(finished):
    out, process, _ = finished
    assert "audio/mpeg" in (out / "share.html").read_text("utf-8")
    # Codes of six steps are dead, which the pipeline must say, with advice.
    assert process.returncode == 1, process.stderr
    assert "INPUT_REPLACEMENT" in process.stderr or "CODEBOOK_WARMUP_STEPS" in process.stderr
    summary = json.loads((out / "summary.json").read_text())
    for name in NUMBERS:
        assert summary[name] is not None, name
    assert summary["total_bits"] == pytest.approx(
        summary["reconstruction_bits"] + summary["code_bits_per_sample"]
    )
    assert len(summary["wavs"]) == 2
    for path in summary["wavs"]:
        with wave.open(path) as file:
            assert (file.getframerate(), file.getnframes()) == (16000, 4000)
    html = Path(summary["page"]).read_text()
    assert html.count("<audio") >= 6
    assert not re.search(r"(src|href)=[\"']?https?:", html)


def test_its_page_is_accessible_and_nothing_is_cut_off(finished, browser):
    out, _, _ = finished
    accessibility.check_file(browser, Path(json.loads((out / "summary.json").read_text())["page"]))


def test_run_again_it_skips_what_is_done(finished):
    out, first, args = finished
    stages = re.findall(r"^\[\d of 8: (\w+)\] python", first.stderr, re.M)
    assert stages == [
        "hop64_vqvae",
        "hop64_vqvae_codes",
        "prior_hop64",
        "samples",
        "evaluation",
        "baseline",
        "baseline_evaluation",
    ]
    before = first_clip(out / "samples").read_bytes()
    again = run("ada.pipeline", *args)
    assert re.findall(r"^\[\d of \d: (\w+)\] is done", again.stderr, re.M) == stages
    assert first_clip(out / "samples").read_bytes() == before
    # Nor is anything done again without what stands beside it.
    alone = run("ada.pipeline", *(arg for arg in args if arg != "--baseline"))
    assert "] python" not in alone.stderr


def test_two_at_once_in_one_directory_are_refused(finished):
    out, _, args = finished
    with exclusive(out):
        process = run("ada.pipeline", *args)
    assert process.returncode == 1
    assert process.stderr.strip().splitlines()[-1] == (
        f"Error: another process is at work in {out.resolve()}: wait for it, or use another."
    )


def test_outputs_that_are_gone_are_made_again(finished):
    out, _, args = finished
    before = first_clip(out / "samples").read_bytes()
    shutil.rmtree(out / "samples")
    again = run("ada.pipeline", *args)
    assert re.findall(r"^\[(\d of \d: \w+)\] python", again.stderr, re.M) == ["5 of 8: samples"]
    assert first_clip(out / "samples").read_bytes() == before


@pytest.mark.long
def test_training_a_lower_level_further_replaces_the_levels_above(finished, tmp_path):
    out, _, args = finished
    copy = tmp_path / "run"
    shutil.copytree(out, copy)
    args = [arg.replace(str(out), str(copy)) for arg in args if arg != "--baseline"]
    process = run("ada.pipeline", *args, "--gin_param=NUM_STEPS=8", "--gin_param=NUM_CODES=256")
    assert process.returncode == 1, process.stderr
    assert ": samples] python" in process.stderr
    assert "was trained on other codes" in process.stderr
    assert len(list(copy.glob("prior_hop64-on-*"))) == 1
    summary = json.loads((copy / "summary.json").read_text())
    assert summary["steps"] == {"hop64_vqvae": 8, "prior_hop64": 6}


def test_tensorboard_gets_sound_and_pictures(finished):
    out, _, _ = finished
    folder = out / "hop64_vqvae"
    validation = EventAccumulator(str(folder / "validation")).Reload()
    tags = set(validation.Tags()["tensors"])
    for name in ("clips/original", "clips/reconstruction"):
        assert name in tags
        content = validation.Tensors(name)[-1].tensor_proto.string_val[0]
        audio, rate = soundfile.read(io.BytesIO(content))
        assert (len(audio), rate) == (800, 16000)
        assert np.abs(audio).max() > 0.01
    # One of both clips, and the codes of the original.
    for name in ("clips/spectrograms", "clips/codes"):
        picture = validation.Tensors(name)[-1].tensor_proto.string_val
        assert picture[2].startswith(b"\x89PNG")
    train = EventAccumulator(str(folder / "train")).Reload()
    assert {"speed/samples_per_sec", "model", "dataset"} <= set(train.Tags()["tensors"])


def test_numbers_of_a_chain_go_to_any_file(finished, tmp_path):
    out, _, _ = finished
    chain = f"--run_dirs={out / 'prior_hop64'},{out / 'hop64_vqvae'}"
    where = tmp_path / "new" / "numbers.json"
    # From another working directory: a run knows where its data is.
    process = run("ada.evaluate", chain, f"--json={where}", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    expected = read_evaluation(out / "evaluation" / "evaluation.json")
    assert read_evaluation(where)["total_bits"] == expected["total_bits"]


def test_own_data_encoded_again_give_the_same_numbers(finished, tmp_path):
    out, _, _ = finished
    process = run(
        "ada.evaluate",
        f"--run_dirs={out / 'prior_hop64'},{out / 'hop64_vqvae'}",
        f"--data_dir={out / 'data'}",
        f"--json={tmp_path / 'numbers.json'}",
    )
    assert process.returncode == 0, process.stderr
    found = read_evaluation(tmp_path / "numbers.json")
    expected = read_evaluation(out / "evaluation" / "evaluation.json")
    assert found["total_bits"] == expected["total_bits"]
    for level, before in zip(found["levels"], expected["levels"], strict=True):
        assert level["files"] == before["files"]


def test_clips_that_were_sampled_before_are_evaluated(finished, tmp_path):
    out, _, _ = finished
    runs = [str(out / "prior_hop64"), str(out / "hop64_vqvae")]
    where = tmp_path / "sampled"
    flags = [f"--samples={out / 'samples'}", f"--output_dir={where}"]
    process = run("ada.evaluate", f"--run_dirs={runs[0]},{runs[1]}", *flags)
    assert process.returncode == 0, process.stderr
    made = read_evaluation(where / "evaluation.json")["generated"]
    assert (made["clips"], made["clip_secs"]) == (2, 0.25)
    memorised = made["memorisation"]
    assert 0 < memorised["mean_secs"] <= memorised["max_secs"] <= 0.252
    # Clips that begin with a prompt are no clips from nothing.
    shutil.copytree(out / "samples", tmp_path / "primed")
    report = json.loads((tmp_path / "primed" / "sample.json").read_text())
    (tmp_path / "primed" / "sample.json").write_text(json.dumps(report | {"mode": "primed"}))
    with pytest.raises(UserError, match="--mode=primed"):
        read_clips(Chain.open(runs), str(tmp_path / "primed"))


def test_codes_are_made_once_and_replaced_only_on_request(finished, tmp_path):
    out, _, _ = finished
    codes = tmp_path / "codes"
    args = [f"--run_dir={out / 'hop64_vqvae'}", f"--output_dir={codes}"]
    assert run("ada.extract_codes", *args).returncode == 0
    made = (codes / "dataset.json").read_bytes()
    assert run("ada.extract_codes", *args).returncode == 0
    assert (codes / "dataset.json").read_bytes() == made
    other = made.replace(b'"digest": "', b'"digest": "0')
    (codes / "dataset.json").write_bytes(other)
    refused = run("ada.extract_codes", *args)
    assert refused.returncode == 1
    assert "--overwrite replaces codes" in refused.stderr
    assert (codes / "dataset.json").read_bytes() == other
    assert run("ada.extract_codes", *args, "--overwrite").returncode == 0
    assert json.loads((codes / "dataset.json").read_text()) == json.loads(made)


def test_fine_tuning_starts_from_another_run(finished, tmp_path):
    out, _, _ = finished
    process = run(
        "ada.train",
        "--gin_file=gin/hop64_vqvae.gin",
        *MICRO,
        f"--data_dir={out / 'data'}",
        f"--init_from={out / 'hop64_vqvae'}",
        f"--run_dir={tmp_path / 'tuned'}",
    )
    assert process.returncode == 0, process.stderr
    assert "Started from the weights of" in process.stderr
    info = json.loads((tmp_path / "tuned" / "run.json").read_text())
    assert info["init_from"] == str(out / "hop64_vqvae")


def test_the_same_seed_gives_the_same_audio_whatever_the_number_of_samples(finished, tmp_path):
    out, _, _ = finished
    process = run(
        "ada.sample",
        f"--run_dirs={out / 'prior_hop64'},{out / 'hop64_vqvae'}",
        "--num_samples=1",
        "--duration_secs=0.25",
        "--seed=1",
        f"--output_dir={tmp_path}",
    )
    assert process.returncode == 0, process.stderr
    expected = first_clip(out / "samples").read_bytes()
    assert first_clip(tmp_path).read_bytes() == expected
    with np.load(tmp_path / "codes.npz") as codes:
        assert codes["level1"].shape[0] == 1


def test_describe_a_system():
    process = run("ada.describe", f"--gin_file={SYSTEM}")
    assert process.returncode == 0, process.stderr
    # 64 x 6139 samples, within 0.2 % of the table's 24576 ms.
    assert "392896 samples, 24556 ms" in process.stdout
    for level in ("hop64_vqvae", "prior_hop64"):
        assert f"\n{level}\n" in process.stdout


def test_describe_a_run(finished):
    out, _, _ = finished
    process = run("ada.describe", f"--run_dir={out / 'hop64_vqvae'}")
    assert process.returncode == 0, process.stderr
    assert "code rate: 250 a second, 2000 bits/s" in process.stdout
