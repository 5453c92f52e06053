"""The systems that come with the package: whole, placeless, and ready to sound."""

import json
import re

import pytest
import soundfile
from support import ROOT, refuses, run, run_here

from ada import pretrained
from ada.data import DatasetSpec
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.runs.chain import Chain
from ada.runs.run import Run

long = pytest.mark.long


@pytest.mark.parametrize("name", pretrained.names())
def test_pretrained_system_is_a_chain_with_a_card(name):
    chain = Chain.open([name])
    chain.require_audio()
    folder = ROOT / "ada" / "pretrained" / name
    card = (folder / pretrained.CARD).read_text()
    for run_dir in pretrained.run_dirs(name):
        assert f"`{run_dir.split('/')[-1]}`" in card
    for said in (f"--pretrained={name}", "bits a sample", "licence", "cannot do"):
        assert said in card
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".gin", ".md"):
            assert not re.search(r"""["']/\w""", path.read_text())
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 12e6


@pytest.mark.parametrize("name", pretrained.names())
def test_pretrained_system_samples_from_any_directory(name, tmp_path):
    flags = ["--num_samples=1", "--duration_secs=1", "--seed=0", "--output_dir=out"]
    flags.append(f"--pretrained={name}")
    if name == pretrained.names()[0]:
        process = run("ada.sample", *flags, cwd=tmp_path)
    else:
        process = run_here("ada.sample", *flags, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    audio, rate = soundfile.read(next((tmp_path / "out").glob(f"{name}-new-seed*.wav")))
    assert (len(audio), rate) == (16000, 16000)
    assert 0.005 < audio.std() < 0.5
    assert json.loads((tmp_path / "out" / "sample.json").read_text())["run_dirs"] == [name]


def test_pretrained_system_is_scored_on_audio_that_none_was_trained_on(tmp_path):
    one = "--run_dirs=piano_hop64"
    found = run_here("ada.evaluate", one, cwd=tmp_path)
    assert (found.returncode, "upper bound" in found.stdout) == (0, True), found.stderr
    assert "that no pretrained system was trained on" in found.stderr
    spec = DatasetSpec.load(str(tmp_path / "data" / "sample_audio_of_pretrained"))
    known = Run.open("piano_hop64/hop64_vqvae").spec.splits["train"].sources
    for name in ("validation", "test"):
        assert spec.splits[name].sources
        for source in spec.splits[name].sources:
            assert source.sha256 not in {one.sha256 for one in known}


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--pretrained=piano_hop64", "--run_dirs=x"], 2, "one of them"),
        (["--pretrained=organ"], 1, "'organ'"),
    ],
)
def test_names_that_cannot_be(flags, code, said, tmp_path):
    refuses("ada.sample", *flags, code=code, said=said, cwd=tmp_path)


@pytest.mark.parametrize(
    ("run_dir", "gin_files", "params"),
    [
        ("piano_wavenet/wavenet", ["learning"], []),
        pytest.param("piano_hop64/hop64_vqvae", ["hop64_vqvae", "small"], [], marks=long),
        pytest.param(
            *("piano_three_levels/hop8_vqvae", ["hop8_vqvae", "small"], ["LOCAL_LAYERS=6"]),
            marks=long,
        ),
    ],
)
def test_training_starts_from_pretrained_weights(run_dir, gin_files, params, music, tmp_path):
    """With the files that the manual names; what changes no weights may differ."""
    prepare(str(tmp_path / "data"), AudioOptions((str(music / "*"),)))
    fewer = ("NUM_STEPS=1", "CROP_STEPS=2048", "BATCH_SIZE=1", "train.jit_compile=False")
    process = run_here(
        "ada.train",
        *(f"--gin_file=gin/{name}.gin" for name in gin_files),
        *(f"--gin_param={setting}" for setting in (*params, *fewer, "Intervals.audio_secs=0.05")),
        f"--init_from={run_dir}",
        f"--data_dir={tmp_path / 'data'}",
        f"--run_dir={tmp_path / 'run'}",
    )
    assert process.returncode == 0, process.stderr
    assert f"Started from the weights of {run_dir}" in process.stderr
