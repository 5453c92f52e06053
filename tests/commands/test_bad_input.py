"""What cannot be done is one line that says why, and nothing is left of it."""

import pytest
from support import refuses

SYSTEM = "gin/systems/hop64_vqvae.gin"


@pytest.mark.parametrize(
    ("module", "args", "code", "message"),
    [
        ("ada.sample", ["--run_dirs={encoder}"], 1, "put a prior above it"),
        ("ada.sample", ["--run_dirs={prior}"], 1, "must model audio"),
        ("ada.sample", ["--run_dirs={tmp}"], 1, "not a run directory"),
        (
            "ada.sample",
            ["--run_dirs={encoder},{prior}"],
            1,
            "stands above",
        ),
        (
            "ada.sample",
            ["--run_dirs={prior},{encoder}", "--temperature=1,1,1"],
            2,
            "give one value or 2",
        ),
        ("ada.sample", ["--run_dirs=x", "--duration_secs=-1"], 2, "duration_secs"),
        ("ada.extract_codes", ["--output_dir=x"], 2, "run_dir"),
        (
            "ada.extract_codes",
            ["--run_dir={wavenet}", "--output_dir={tmp}"],
            1,
            "not an autoencoder with codes",
        ),
        ("ada.evaluate", ["--run_dirs={tmp}"], 1, "not a run directory"),
        (
            "ada.evaluate",
            ["--run_dirs={wavenet},{encoder}"],
            1,
            "models audio, but stands above",
        ),
        ("ada.sample", ["--run_dirs={wavenet}", "--output_dir=README.md"], 1, "README.md"),
        ("ada.describe", ["--gin_file=gin/nothing.gin"], 1, "Shipped:"),
        ("ada.describe", [], 2, "either --gin_file or --run_dir"),
        ("ada.pipeline", ["--gin_file=gin/hop64_vqvae.gin"], 1, "System.levels"),
        (
            "ada.pipeline",
            [f"--gin_file={SYSTEM}", "--run_dir={tmp}", "--gin_param=Nothing.x=1"],
            1,
            "Nothing",
        ),
        (
            "ada.pipeline",
            [f"--gin_file={SYSTEM}", "--run_dir={tmp}", "--gin_param=VERY_NEW=1"],
            1,
            "no model of the system uses",
        ),
        ("ada.pipeline", [], 2, "--gin_file is needed"),
        (
            "ada.pipeline",
            [f"--gin_file={SYSTEM}", "--data_dir=x", "--input_audio_filepatterns=y"],
            2,
            "either --data_dir, or",
        ),
        (
            "ada.pipeline",
            [f"--gin_file={SYSTEM}", "--run_dir={tmp}", "--data_dir=/nothing/here"],
            1,
            "/nothing/here",
        ),
    ],
)
def test_bad_input_is_one_clear_line(chain_dirs, tmp_path, module, args, code, message):
    [wavenet], (prior, encoder) = chain_dirs[1], chain_dirs[2]
    names = {"wavenet": wavenet, "prior": prior, "encoder": encoder, "tmp": tmp_path / "new"}
    refuses(module, *(arg.format(**names) for arg in args), code=code, said=message)
    assert not list(tmp_path.iterdir())
