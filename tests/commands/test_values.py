"""Paths and numbers of flags, checked before anything is made."""

import pytest
from support import MICRO, refuses

from ada.cli.value_flags import _Named, _Path, _Paths, _PathsInText, _Pattern
from ada.models.modulator import Modulator
from ada.quantizers import ArgmaxQuantizer, VectorQuantizer

VQVAE = ["--gin_file=gin/hop64_vqvae.gin", *MICRO]


@pytest.mark.parametrize(
    ("parser", "given", "expected"),
    [
        (_Path, "~/runs/x", "/home/me/runs/x"),
        (_Paths, "~/a,b,,~/c", ["/home/me/a", "b", "", "/home/me/c"]),
        (_PathsInText, "~/a,b", "/home/me/a,b"),
        (_Pattern, "~/a/*.wav,b", "/home/me/a/*.wav,b"),
        (_Named, "x=~/a,~/b", ["x=/home/me/a", "/home/me/b"]),
        (_Path, "gs://bucket/~", "gs://bucket/~"),
    ],
)
def test_tilde_in_every_kind_of_path(parser, given, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert parser().parse(given) == expected


@pytest.mark.parametrize(
    ("module", "flags", "said"),
    [
        ("ada.describe", ["--run_dir=~/nothing"], "/home/me/nothing is not a run"),
        ("ada.train", ["--gin_file=~/x.gin"], "/home/me/x.gin"),
        ("ada.sample", ["--run_dirs=~/a,b"], "/home/me/a is not a run"),
        ("ada.evaluate", ["--run_dirs=~/a,b", "--run_dirs=c"], "/home/me/a is not a run"),
        ("ada.export", ["--run_dir=~/a", "--output_dir=~/out/1"], "/home/me/a is not a run"),
        ("ada.extract_codes", ["--run_dir=~/a", "--output_dir=out"], "/home/me/a is not a run"),
        ("ada.listen", ["serve", "--samples=x=~/a"], "/home/me/a is not a directory"),
        ("ada.listen", ["results", "--db=~/r.sqlite"], "/home/me/r.sqlite"),
        ("ada.prepare_audio", ["--input_audio_filepatterns=~/*.wav", "--output_dir=o"], "/home/me"),
        ("data_prep.prepare_audio", ["--maestro_csv=~/m.csv", "--output_dir=o"], "/home/me/m.csv"),
    ],
)
def test_tilde_in_every_command(module, flags, said, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    refuses(module, *flags, said=said)


@pytest.mark.parametrize(
    ("module", "flags"),
    [
        ("ada.sample", ["--pretrained=piano_hop64", "--seed=-2"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--seed=4294967297"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--seed=3.0"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--duration_secs=-inf"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--prompt_secs=nan"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--num_samples=1000000000000"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--clips=4,99999999999"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--temperature=nan"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--top_k=2.0"]),
        ("ada.evaluate", ["--run_dirs=piano_hop64", "--duration_secs=inf"]),
        ("ada.pipeline", ["--gin_file=gin/systems/hop64_vqvae.gin", "--duration_secs=nan"]),
        ("ada.pipeline", ["--gin_file=gin/systems/hop64_vqvae.gin", "--seed=-1"]),
        ("ada.prepare_audio", ["--input_audio_filepatterns=x", "--min_secs=inf"]),
        ("ada.prepare_audio", ["--input_audio_filepatterns=x", "--test_fraction=nan"]),
        ("ada.render_scores", ["--seed=4294967296"]),
        ("ada.sample", ["--pretrained=piano_hop64", "--output_dir="]),
        ("ada.train", ["--gin_file=gin/hop64_vqvae.gin", "--run_dir= "]),
        ("ada.export", ["--run_dirs=/nothing", "--output_dir=x\0"]),
        ("ada.sample", ["--run_dirs=/nothing", "--temperature=1e31"]),
        ("ada.sample", ["--run_dirs=/nothing", "--top_k=3000000000"]),
        ("ada.sample", ["--run_dirs=/nothing", "--batch_size=100000000"]),
        ("ada.evaluate", ["--run_dirs=/nothing", "--temperature=-inf"]),
        ("ada.evaluate", ["--run_dirs=/nothing", "--top_k=True"]),
        ("ada.export", ["--run_dirs=/nothing", "--top_p=1,0"]),
        ("ada.export", ["--run_dirs=/nothing", "--max_steps=1e6"]),
        ("ada.pipeline", ["--gin_file=gin/systems/hop64_vqvae.gin", "--sample_rate=1048577"]),
        ("ada.prepare_audio", ["--input_audio_filepatterns=x", "--record_steps=16777217"]),
        ("ada.render_scores", ["--jobs=10000000"]),
    ],
)
def test_numbers_that_cannot_be(module, flags, tmp_path):
    out = [] if any("output_dir" in f or "run_dir" in f for f in flags) else ["--output_dir=out"]
    if module == "ada.pipeline":
        out = ["--run_dir=out"]
    refuses(module, *flags, *out, code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "flag",
    ["--sample_rate=1e5", "--sample_rate=9999999", "--hop_length=-0", "--hop_length=2000000"],
)
def test_numbers_of_describing_that_cannot_be(flag):
    refuses("ada.describe", "--gin_file=gin/hop64_vqvae.gin", flag, code=2)


def test_no_rater_has_such_a_number():
    refuses("ada.listen", "strike", f"--rater={2**63}", code=2)


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("train.seed=-3", "train.seed must be a whole number from 0 to 4294967295, got -3"),
        ("train.seed=4294967296", "from 0 to 4294967295"),
        ("NUM_STEPS=0.5", "train.num_steps must be a whole number, got 0.5"),
        ("BATCH_SIZE=2.0", "train.batch_size must be a whole number, got 2.0"),
        ("LOCAL_LAYERS=3.0", "must be a whole number, got 3.0"),
        ("CODER_CHANNELS=True", "must be a whole number, got True"),
        ("SAVE_EVERY=2.5", "Intervals.save must be a whole number"),
        ("CROP_STEPS=4294967296", "train.crop_steps must be a whole number of at least 1"),
        ("Intervals.audio_secs=1e999", "Intervals.audio_secs must be a finite number, got inf"),
        ("LEARNING_RATE='fast'", "must be a finite number, got 'fast'"),
        ("train.jit_compile=2", "train.jit_compile must be"),
        (f"SKIP_CHANNELS={10**25}", "must be a whole number of at most 4294967296, got 1000"),
        (f"RESTART_EVERY={2**70}", "must be a whole number of at most 4294967296"),
        (f"POLYAK_DECAY={10**400}", "must be a finite number"),
        ("FRONT_END=0.25", "Encoder.front_end must be"),
        ("AUXILIARY='spectrum'", "auxiliary must be"),
        ("INPUT_REPLACEMENT_STEPS=-5", "ReplaceInputs.steps must be at least 0, got -5"),
    ],
)
def test_numbers_of_gin_files_that_cannot_be(binding, said, tmp_path):
    flags = [*VQVAE, f"--gin_param={binding}", f"--run_dir={tmp_path / 'run'}"]
    refuses("ada.train", *flags, said=said)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: VectorQuantizer(8, 4, codebook_weight=-0.5), "codebook_weight must be at least 0"),
        (lambda: VectorQuantizer(8, 4, commitment_weight=-3), "commitment_weight must be at least"),
        (lambda: ArgmaxQuantizer(8, diversity_weight=-1e-9), "diversity_weight must be at least 0"),
        (lambda: Modulator(8, upsample_by=-2), "upsample_by must be at least 1, got -2"),
    ],
)
def test_models_refuse_weights_below_zero(make, said):
    with pytest.raises(ValueError, match=said):
        make()
