"""Run directories that are damaged, or made by somebody who means harm."""

import json
import shutil
from pathlib import Path

import fuzzing
import hypothesis
import keras
import numpy as np
import pytest
from support import write_codes

from ada.data import DatasetSpec
from ada.generation.results import Results, load_codes
from ada.runs import model_json
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.utils.errors import UserError


@pytest.fixture(scope="module")
def whole(chain_dirs):
    """A run directory of an autoencoder, not to be changed."""
    return Path(chain_dirs[2][1])


@pytest.fixture
def run_dir(whole, tmp_path):
    """A copy of it that a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def fails(attempt, match=None):
    with pytest.raises(UserError, match=match) as error:
        attempt()
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def load(directory):
    """All that commands read of a run directory."""
    run = Run.open(str(directory))
    run.model_config()
    model = run.load_model()
    if run.info.kind == "audio":
        run.info.to_ids()
        run.info.ids_to_audio(np.zeros(3, np.int32))
    return run, model


@pytest.mark.parametrize("name", ["run.json", "dataset.json", "model.json"])
def test_a_changed_file_is_refused_or_equal(run_dir, name):
    path = run_dir / name
    value = json.loads(path.read_text())
    before, model = load(run_dir)
    described = model_json.model_config(model)

    @fuzzing.settings
    @hypothesis.given(fuzzing.changed(value))
    def check(changed):
        path.write_text(json.dumps(changed))
        try:
            run, model = load(run_dir)
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            return
        # What is still read differs in names and numbers only, and computes the same.
        assert set(vars(run.info)) == set(vars(before.info))
        assert model_json.differing_fields(model_json.model_config(model), described) == [] or (
            name == "model.json"
        )

    check()


@pytest.mark.parametrize("name", ["run.json", "dataset.json", "model.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"3", b'"text"', b"NaN", b"\xff\xfe\0", bytes(1000)]
    + [b"[" * 100_000, b'{"config": ' * 100_000, b"9" * 5000],
    ids=lambda content: repr(content[:12]),
)
def test_a_file_of_something_else_is_named(run_dir, name, content):
    (run_dir / name).write_bytes(content)
    fails(lambda: load(run_dir), f"{name} cannot be used")


@pytest.mark.parametrize("name", ["run.json", "dataset.json", "model.json"])
def test_a_file_that_is_missing_or_a_directory_is_named(run_dir, name):
    (run_dir / name).unlink()
    fails(lambda: load(run_dir), name)
    (run_dir / name).mkdir()
    fails(lambda: load(run_dir), name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "video"}, "kind must be audio or codes, found 'video'"),
        ({"sample_rate": 0}, "sample_rate must be at least 1, found 0"),
        ({"hop_length": -1}, "hop_length must be at least 1, found -1"),
        ({"num_classes": 0}, "num_classes must be at least 1"),
        ({"num_classes": 9}, "it has 7 classes, run.json says 9"),
        ({"companding": "law"}, "companding must be one of"),
        ({"companding": None}, "companding must be one of"),
        ({"format_version": 2}, "format_version is 2; this version of ada"),
        ({"sample_rate": 2**63}, "'sample_rate' is too large"),
    ],
)
def test_values_that_cannot_be_are_named(run_dir, change, message):
    path = run_dir / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    fails(lambda: load(run_dir), message)


def keras_object(module, name, registered=None, /, **config):
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def lambda_layer(mark):
    """The configuration of a layer that makes a file when it is called."""
    layer = keras.layers.Lambda(lambda x: (__import__("pathlib").Path(mark).touch(), x)[1])
    return keras.saving.serialize_keras_object(layer)


HARMFUL = {
    "os.system": lambda mark: keras_object("os", "system", command=f"touch {mark}"),
    "Popen": lambda mark: keras_object("subprocess", "Popen", args=["touch", mark]),
    "Path.touch": lambda mark: keras_object("pathlib", "Path", args=mark),
    "a function": lambda mark: keras_object("os", "function", "os.system") | {"config": "system"},
    "builtins": lambda mark: keras_object("builtins", "exec", source=f"open({mark!r}, 'w')"),
    "registered": lambda mark: keras_object("os", "system", "ada>system", command=f"touch {mark}"),
    "a download": lambda mark: keras_object("keras.utils", "get_file", origin=f"file://{mark}"),
    "a bound layer": lambda mark: keras_object("keras.layers", "TFSMLayer", filepath=mark),
    "a layer of Keras": lambda mark: keras_object("keras.layers", "Dense", units=3),
    "a layer of ours": lambda mark: keras_object("ada.models.encoder", "Encoder", "ada>Encoder"),
    "one that takes its name": lambda mark: keras_object("os", "DTypePolicy", name=mark),
    "Lambda": lambda_layer,
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", HARMFUL)
def test_a_model_of_anything_but_our_layers_is_refused(run_dir, tmp_path, name, inside):
    mark, path = tmp_path / "executed", run_dir / "model.json"
    config = HARMFUL[name](str(mark))
    if inside:
        whole = json.loads(path.read_text())
        whole["config"]["encoder"] = config
        config = whole
    path.write_text(json.dumps(config))
    fails(lambda: load(run_dir), "model.json cannot be used")
    assert not mark.exists()


def test_refused_configurations_would_execute_code(run_dir, tmp_path, monkeypatch):
    """Without our own check, Keras's safe mode stands; without both, the file is made."""
    mark, path = tmp_path / "executed", run_dir / "model.json"
    path.write_text(json.dumps(lambda_layer(str(mark))))
    monkeypatch.setattr(model_json, "_require_own_classes", lambda config: None)
    fails(lambda: load(run_dir), "model.json cannot be used: .*Lambda")
    assert not mark.exists()
    deserialize = keras.saving.deserialize_keras_object
    layer = deserialize(json.loads(path.read_text()), safe_mode=False)
    layer(np.zeros(1))
    assert mark.exists()


def test_codes_of_others_are_not_unpickled(chain_dirs, tmp_path):
    mark = tmp_path / "executed"
    np.savez(tmp_path / "codes.npz", level1=np.array([fuzzing.Payload(mark)], object))
    with np.load(tmp_path / "codes.npz", allow_pickle=True) as arrays:
        _ = arrays["level1"]
    assert mark.exists()  # so it would, if anything asked for it
    mark.unlink()
    fails(lambda: load_codes(str(tmp_path / "codes.npz"), 1), "cannot be read as codes")
    (tmp_path / "sample.json").write_text("{}")
    fails(lambda: Results.load(str(tmp_path)))
    assert not mark.exists()


def test_half_an_index_behind_a_good_checkpoint_does_not_hide_it(run_dir):
    """As a full disk leaves it."""
    expected = Run.open(str(run_dir)).identity("latest")
    [index] = (run_dir / "checkpoints").glob("*.index")
    step = int(index.stem.removeprefix("ckpt-"))
    newer = index.with_name(f"ckpt-{step + 1}.index")
    for content in (b"", index.read_bytes()[: index.stat().st_size // 2]):
        newer.write_bytes(content)
        run = Run.open(str(run_dir))
        assert run.identity("latest") == expected
        run.load_model("latest")


def test_a_damaged_checkpoint_is_named(run_dir):
    [data] = (run_dir / "checkpoints").glob("*.data*")
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    fails(lambda: load(run_dir), "ckpt-1 cannot be restored")
    data.unlink()
    fails(lambda: load(run_dir), "ckpt-1 cannot be restored")
    [index] = (run_dir / "checkpoints").glob("*.index")
    index.write_bytes(bytes(index.stat().st_size))
    fails(lambda: load(run_dir), "ckpt-1 cannot be restored")
    index.unlink()
    fails(lambda: load(run_dir), "holds no checkpoint yet")


def test_loading_writes_nothing(whole):
    """A run directory may be on a disk that is only read."""
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    Chain.open([str(whole)]).load_model(0)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"software_version": "0.0.3", "kind": None}, "ada 0.0.3 wrote it, this is"),
        ({"format_version": 7}, "Another version of ada may have written it"),
        ({"colour": "blue"}, "unknown field 'colour'. Another version of ada"),
        ({"kind": "video"}, "Copy the run directory again"),
    ],
)
def test_another_version_is_not_taken_for_damage(run_dir, change, message):
    path = run_dir / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    fails(lambda: load(run_dir), message)


def test_data_that_were_renamed_are_asked_for(run_dir):
    run = Run.open(str(run_dir))
    fails(run.open_dataset, "is not there any more: name where it is now by --data_dir")


@pytest.mark.parametrize("place", ["{run}/../renamed", "{run}/../../renamed", "{cwd}/data/mine"])
def test_data_that_were_moved_nearby_are_found(place, run_dir, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    inner = tmp_path / "a" / "b" / "run"
    shutil.copytree(run_dir, inner)
    moved = Path(place.format(run=inner, cwd=tmp_path / "elsewhere")).resolve()
    splits = {split: [np.arange(9)] for split in ("train", "validation", "test")}
    spec = DatasetSpec.load(write_codes(tmp_path / "codes", splits, 16))
    run = Run(str(inner), Run.open(str(inner)).info, spec)
    fails(run.open_dataset, "is not there any more: name where it is now by --data_dir")
    write_codes(moved.with_name("another"), splits | {"train": [np.arange(8)]}, 16)
    fails(run.open_dataset, "is not there any more: name where it is now by --data_dir")
    (tmp_path / "codes").rename(moved)
    assert run.open_dataset().directory == str(moved)
