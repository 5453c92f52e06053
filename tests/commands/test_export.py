"""`python -m ada.export`: what it writes and says, and what is refused and how."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, refuses, run


def test_a_chain_is_exported(chain_dirs, tmp_path):
    path = tmp_path / "model" / "1"
    runs = [shutil.copytree(d, tmp_path / Path(d).name) for d in chain_dirs[2]]
    (runs[0] / "sampling.json").write_text('{"temperature": 0.9, "top_k": 9, "top_p": 0.5}')
    args = [f"--run_dirs={','.join(map(str, runs))}", f"--output_dir={path}"]
    process = run("ada.export", *args, "--top_k=3,5")
    assert process.returncode == 0, process.stderr
    assert not process.stderr
    sampling, first, second = process.stdout.splitlines()
    assert "temperature 0.9 (sampling.json), top_k 3 (flag), top_p 0.5 (sampling" in sampling
    assert "continue, decode, encode, generate" in first and first.endswith("MB.")
    assert f"{path.parent}:/models/model -e MODEL_NAME=model tensorflow/serving" in second
    assert (path / "saved_model.pb").exists()
    levels = json.loads((path / "assets.extra" / "metadata.json").read_text())["levels"]
    assert [[level[name] for name in ("temperature", "top_k", "top_p")] for level in levels] == [
        [0.9, 3, 0.5],
        [1.0, 5, 1.0],
    ]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--output_dir=x/1"], 2, "--run_dir, --run_dirs or --pretrained"),
        (["--run_dir={run}", "--pretrained=a", "--output_dir=x/1"], 2, "one of them"),
        (["--pretrained=piano_nothing", "--output_dir=x/1"], 1, "but piano_hop64"),
        (["--run_dir=a"], 2, "output_dir"),
        (["--run_dir={run}", "--output_dir=x"], 2, "versions to be numbers; name x/1"),
        (["--run_dir={run}", "--output_dir=x/1", "--top_k=1,2"], 2, "give one value or 1, got 2"),
        (["--run_dir={run}", "--output_dir=x/1", "--top_p=2"], 2, "--top_p=2: 2 is out of range"),
        (["--run_dir=nothing", "--output_dir=x/1"], 1, "not a run directory"),
        (["--run_dirs={run},{run}", "--output_dir=x/1"], 1, "models audio, but stands above"),
    ],
)
def test_bad_input_is_one_clear_line(args, code, message, chain_dirs, tmp_path):
    args = [arg.format(run=chain_dirs[2][1]) for arg in args]
    refuses("ada.export", *args, code=code, said=message, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_leaves_nothing(chain_dirs, tmp_path):
    limit = 100_000  # the graph alone is larger
    process = subprocess.run(
        [sys.executable, "-m", "ada.export", f"--run_dir={chain_dirs[2][1]}"]
        + [f"--output_dir={tmp_path / '1'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 1
    assert len(process.stderr.splitlines()) == 1 and "File too large" in process.stderr
    assert not list(tmp_path.iterdir())
