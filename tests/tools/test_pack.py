"""A packed system draws what the trained one draws, and names no place of the machine."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import refuses

from ada import pretrained
from ada.generation import SamplingConfig, generate
from ada.runs.chain import Chain
from ada.utils.errors import UserError
from tools.packing import pack


@pytest.fixture
def packed(chain_dirs, tmp_path, monkeypatch):
    """The system "toy", packed from a chain of three levels."""
    monkeypatch.setattr(pretrained, "_HERE", tmp_path)
    pack(Chain.open(chain_dirs[3]), tmp_path / "toy")
    (tmp_path / "toy" / "card.md").write_text("# toy\n")
    return tmp_path / "toy"


def test_packed_run_samples_the_same(packed, chain_dirs):
    known = generate(Chain.open(chain_dirs[3]), 2, 0.2, SamplingConfig(seed=3), backend="graph")
    found = generate(Chain.open(["toy"]), 2, 0.2, SamplingConfig(seed=3), backend="graph")
    for one, other in zip(found.ids, known.ids, strict=True):
        np.testing.assert_array_equal(one, other)


def test_packed_run_is_small_and_names_no_path(packed, chain_dirs):
    for directory in chain_dirs[3]:
        root = packed / directory.rstrip("/").split("/")[-1]
        assert len(list(root.glob("checkpoints/best/*.index"))) == 1
    text = "".join(p.read_text() for p in packed.rglob("*") if p.suffix in (".json", ".gin"))
    for directory in chain_dirs[3]:
        assert directory not in text
    assert json.loads((packed / "level1" / "run.json").read_text())["data_dir"] == ""


def test_sampling_values_are_packed(chain_dirs, tmp_path):
    runs = [Path(shutil.copytree(d, tmp_path / Path(d).name)) for d in chain_dirs[2]]
    (runs[1] / "sampling.json").write_text('{"top_p": 0.8}')
    pack(Chain.open([str(path) for path in runs]), tmp_path / "toy")
    top, bottom = (tmp_path / "toy" / path.name for path in runs)
    assert not (top / "sampling.json").exists()
    packed = json.loads((bottom / "sampling.json").read_text())
    assert packed == {"temperature": 1.0, "top_k": 0, "top_p": 0.8}


def test_names_stand_for_run_directories(packed):
    assert pretrained.names() == ["toy"]
    order = [path.split("/")[-1] for path in pretrained.run_dirs("toy")]
    assert order == ["prior2", "level2", "level1"]
    assert pretrained.resolve("toy/level2") == str(packed / "level2")
    assert pretrained.resolve("toy/level9") == "toy/level9"
    assert pretrained.resolve("toy") == "toy"
    with pytest.raises(UserError, match="no pretrained 'boy', but toy"):
        pretrained.run_dirs("boy")


def test_only_evaluated_systems_are_packed(chain_dirs, tmp_path):
    levels = [{"run_dir": d, "digest": "of before"} for d in chain_dirs[2]]
    (tmp_path / "evaluation.json").write_text(json.dumps({"systems": [{"levels": levels}]}))
    (tmp_path / "data.md").write_text("Noise.")
    refuses(
        "tools.pack",
        f"--run_dirs={','.join(chain_dirs[2])}",
        "--name=x",
        f"--evaluation={tmp_path / 'evaluation.json'}",
        f"--data={tmp_path / 'data.md'}",
        f"--output_dir={tmp_path}",
        said="does not evaluate",
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"systems"',
        '{"systems": {}}',
        '{"systems": [3]}',
        '{"systems": [{"levels": [1]}]}',
    ],
)
def test_other_json_than_an_evaluation_is_refused(text, chain_dirs, tmp_path):
    (tmp_path / "evaluation.json").write_text(text)
    flags = [f"--run_dirs={','.join(chain_dirs[2])}", "--name=x", "--data=setup.py"]
    flags += [f"--evaluation={tmp_path / 'evaluation.json'}", f"--output_dir={tmp_path}"]
    refuses("tools.pack", *flags, said="evaluation.json is ")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp", "-x"])
def test_a_name_is_the_name_of_a_folder(name, chain_dirs, tmp_path):
    (tmp_path / "mine").write_text("mine")
    flags = [f"--run_dirs={','.join(chain_dirs[2])}", "--evaluation=setup.py", "--data=setup.py"]
    refuses("tools.pack", *flags, f"--name={name}", f"--output_dir={tmp_path}", code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_of_something_else_is_not_replaced(chain_dirs, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "thesis.md").write_text("mine")
    flags = [f"--run_dirs={','.join(chain_dirs[2])}", "--evaluation=setup.py", "--data=setup.py"]
    flags += ["--name=toy", f"--output_dir={tmp_path}"]
    refuses("tools.pack", *flags, said="thesis.md was not made by tools.pack")
    assert (tmp_path / "toy" / "thesis.md").read_text() == "mine"
