"""Commands with `sampling.json` in run directories: who reads it and who writes it."""

import json
import shutil
from pathlib import Path

import pytest
from support import refuses, run_here

from ada.cli.level_flags import SamplingFlags
from ada.systems import system as systems
from ada.systems.stages import Stages
from ada.systems.system import System
from ada.utils.errors import UsageError


@pytest.fixture
def copies(chain_dirs, tmp_path):
    """Run directories of two levels, top first, that a test may change."""
    return [Path(shutil.copytree(d, tmp_path / Path(d).name)) for d in chain_dirs[2]]


def report_of(out):
    return json.loads((out / "sample.json").read_text())


def values_of(report):
    return [(d["temperature"], d["top_k"], d["top_p"]) for d in report["draws"]]


def test_kept_values_are_the_defaults_from_then_on(copies, tmp_path):
    out, longer, changed = (tmp_path / name for name in ("out", "longer", "changed"))

    def sample(where, *flags):
        chain = f"--run_dirs={','.join(map(str, copies))}"
        common = [chain, f"--output_dir={where}", "--num_samples=1", "--backend=graph"]
        process = run_here("ada.sample", *common, "--duration_secs=0.05", *flags)
        assert process.returncode == 0, process.stderr
        return process

    first = sample(out, "--temperature=0.9", "--top_p=1,0.6", "--keep_sampling")
    assert "temperature 0.9 (flag), top_k 0, top_p 0.6 (flag)." in first.stdout
    assert f"now the defaults of {copies[0]}, {copies[1]} (sampling.json)" in first.stdout
    kept = [json.loads((path / "sampling.json").read_text()) for path in copies]
    assert kept == [
        {"temperature": 0.9, "top_k": 0, "top_p": 1.0},
        {"temperature": 0.9, "top_k": 0, "top_p": 0.6},
    ]
    # They are recorded as if given by flags: the same command without them is finished.
    again = sample(out)
    assert "holds these clips already" in again.stdout
    assert "top_p 0.6 (sampling.json)" in again.stdout
    (copies[1] / "sampling.json").write_text('{"top_p": 0.5}')
    continued = sample(longer, "--mode=continue", f"--from_dir={out}", "--temperature=0.9")
    assert "was made with other settings (draws): " in continued.stderr
    assert values_of(report_of(longer)) == [(0.9, 0, 1.0), (0.9, 0, 0.5)]
    refuses(
        "ada.sample",
        f"--run_dirs={copies[0]},{copies[1]}",
        *(f"--output_dir={out}", "--num_samples=1", "--backend=graph", "--duration_secs=0.05"),
        said="(other draws)",
    )


def test_unusable_files_and_unwritable_runs_are_one_clear_line(copies, tmp_path):
    (copies[1] / "sampling.json").write_text('{"top_q": 1}')
    chain = f"--run_dirs={copies[0]},{copies[1]}"
    system = "--gin_file=gin/systems/hop64_vqvae.gin"
    for module, flags, code, message in (
        ("ada.sample", [chain], 1, "sampling.json cannot be used: unknown field 'top_q'"),
        ("ada.sample", ["--pretrained=piano_hop64", "--keep_sampling"], 1, "with the package"),
        ("ada.pipeline", [system, "--top_p=1,1,1", f"--run_dir={tmp_path / 'x'}"], 2, "got 3"),
    ):
        out = [] if module == "ada.pipeline" else [f"--output_dir={tmp_path / 'out'}"]
        refuses(module, *flags, *out, code=code, said=message)
    assert not (tmp_path / "x").exists()
    assert not list((tmp_path / "out").glob("*.wav"))


@pytest.fixture
def stages_of(copies, tmp_path, monkeypatch):
    """A function that returns the commands of a pipeline's last stages, with given flags."""
    commands = {}

    def note(stages, name, command, *args):
        commands[name] = command

    monkeypatch.setattr(Stages, "run", note)
    monkeypatch.setattr(systems, "prepared", lambda *args: "data")
    monkeypatch.setattr(systems, "_train_levels", lambda *args: [str(path) for path in copies])
    monkeypatch.setattr(systems, "write_report", lambda *args: 0)

    def found(**flags):
        system = System(levels=("bottom", "top"), sampling=SamplingFlags(**flags))
        params = {level: [] for level in system.levels}
        assert systems._run_stages(system, params, tmp_path) == 0
        names = ("--temperature", "--top_k", "--top_p")
        return [
            [flag for flag in commands[name] if flag.startswith(names)]
            for name in ("samples", "evaluation")
        ]

    return found


def test_a_pipeline_passes_flags_and_files_on(stages_of, copies):
    # As before there were files: finished stages stay finished.
    assert stages_of() == [["--temperature=1.0"], []]
    assert stages_of(top_p=["0.8"]) == [["--top_p=0.8"]] * 2
    (copies[1] / "sampling.json").write_text('{"top_p": 0.7}')
    assert stages_of() == [["--top_p=1.0,0.7"]] * 2
    assert stages_of(temperature=["0.9"]) == [["--temperature=0.9", "--top_p=1.0,0.7"]] * 2
    assert stages_of(top_p=["1", "0.8"]) == [["--top_p=1.0,0.8"]] * 2


def test_flags_for_other_levels_are_refused_before_training():
    system = System(levels=("hop64_vqvae", "prior_hop64"), sampling=SamplingFlags(top_k=["1"] * 3))
    with pytest.raises(UsageError, match="--top_k: give one value or 2, got 3"):
        systems._check(system)
