"""What is written: graphs without Python or XLA, metadata, warm-up requests; all of it or none."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from serving_reference import Reference
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from ada.generation import SamplingConfig
from ada.serving.exporting import EXTRA, export
from ada.serving.warmup import FILE_NAME
from ada.utils.errors import UsageError, UserError


def graph_of(model):
    """The nodes of all functions, and the names of all attributes, of a SavedModel."""
    [meta] = SavedModel.FromString((model / "saved_model.pb").read_bytes()).meta_graphs
    functions = meta.graph_def.library.function
    nodes = [*meta.graph_def.node, *(node for f in functions for node in f.node_def)]
    attributes = {name for holder in (*nodes, *functions) for name in holder.attr}
    return nodes, attributes


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def says_xla(attributes):
    return {name for name in attributes if "xla" in name.lower()}


@pytest.fixture(scope="module", params=["wavenet", "amae", "nsynth", "prior", "three levels"])
def kind(request):
    return request.param


def test_no_python_and_no_xla(kind, exported):
    nodes, attributes = graph_of(exported(kind))
    assert not {node.op for node in nodes if "Py" in node.op}
    assert not says_xla(attributes)


@pytest.mark.long
def test_xla_compiles_the_loops_if_asked(exported, chain_of):
    model, reference = exported("two levels", xla=True), Reference(chain_of("two levels"), "xla")
    assert "_XlaMustCompile" in says_xla(graph_of(model)[1])
    assert json.loads((model / EXTRA / "metadata.json").read_text())["xla"] is True
    outputs = tf.saved_model.load(str(model)).signatures["generate"](
        steps=tf.constant(75),
        items=tf.constant([0, 3]),
        seed=tf.constant(4, tf.int64),
        temperature=tf.constant(1.0),
    )
    ids = reference.drawn([0, 3], 4, 1.0, steps=75)
    np.testing.assert_array_equal(outputs["audio"], reference.from_ids(ids[-1]))


def test_warm_up_requests_are_answered(kind, exported):
    model = exported(kind)
    signatures = tf.saved_model.load(str(model)).signatures
    records = tf.data.TFRecordDataset(str(model / EXTRA / FILE_NAME))
    requests = [PredictionLog.FromString(r.numpy()).predict_log.request for r in records]
    assert [r.model_spec.signature_name for r in requests] == sorted(signatures)
    for request in requests:
        assert request.model_spec.name == model.parent.name
        inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
        assert signatures[request.model_spec.signature_name](**inputs)


def test_warm_up_requests_are_within_max_steps(chain_of, tmp_path):
    export(chain_of("vqvae"), str(tmp_path / "1"), [SamplingConfig()], max_steps=9)
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    for record in tf.data.TFRecordDataset(str(tmp_path / "1" / EXTRA / FILE_NAME)):
        request = PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
        assert signatures[request.model_spec.signature_name](**inputs)
    with pytest.raises(UsageError, match="--max_steps=3 is too short .* at least 4"):
        export(chain_of("vqvae"), str(tmp_path / "2"), [SamplingConfig()], max_steps=3)


def test_metadata_say_what_there_is(kind, exported, chain_of):
    model, chain = exported(kind), chain_of(kind)
    found = json.loads((model / EXTRA / "metadata.json").read_text())
    assert found["format_version"] == 1
    assert found["sample_rate"] == 1000
    assert [level["digest"] for level in found["levels"]] == [
        run.identity(c)["digest"] for run, c in zip(chain.runs, chain.checkpoints, strict=True)
    ]
    assert [level["receptive_field"] for level in found["levels"]] == [8] * len(chain.runs)
    assert found["samples_per_code"] == {
        "wavenet": None, "amae": 4, "nsynth": 4, "prior": None, "three levels": 16
    }[kind]  # fmt: skip
    signatures = tf.saved_model.load(str(model)).signatures
    assert set(found["signatures"]) == set(signatures)
    for name, signature in signatures.items():
        for side, specs in (
            ("inputs", signature.structured_input_signature[1]),
            ("outputs", signature.structured_outputs),
        ):
            said = found["signatures"][name][side]
            assert set(said) == set(specs)
            for tensor, spec in specs.items():
                assert said[tensor]["dtype"] == spec.dtype.name
                assert said[tensor]["meaning"]


def test_models_trained_in_half_precision_are_served_in_float32(exported):
    model = exported("mixed")
    [level] = json.loads((model / EXTRA / "metadata.json").read_text())["levels"]
    assert level["trained_in"] == "mixed_bfloat16"
    types = {node.attr[name].type for node in graph_of(model)[0] for name in ("T", "DstT", "dtype")}
    assert tf.float32.as_datatype_enum in types
    assert not types & {tf.bfloat16.as_datatype_enum, tf.float16.as_datatype_enum}


def test_limits_are_part_of_the_graph(chain_of, tmp_path):
    chain = chain_of("wavenet")
    described = export(chain, str(tmp_path / "1"), [SamplingConfig(top_k=1)], with_warmup=False)
    assert described["levels"][0]["top_k"] == 1
    assert not (tmp_path / "1" / EXTRA / FILE_NAME).exists()
    generate = tf.saved_model.load(str(tmp_path / "1")).signatures["generate"]
    how = {"steps": tf.constant(40), "items": tf.constant([0]), "temperature": tf.constant(1.0)}
    one, other = (generate(seed=tf.constant(n, tf.int64), **how)["audio"] for n in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_a_version_appears_whole(chain_of, tmp_path):
    """As a server that polls sees it: what is named by a number, and what is in it at first."""
    seen, ended = [], threading.Event()

    def poll():
        while not seen:
            last = ended.is_set()
            versions = [name for name in names_in(tmp_path) if name.isdecimal()]
            seen.extend(files_in(tmp_path / name) for name in versions)
            if last:
                break

    def files_in(directory):
        return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())

    watcher = threading.Thread(target=poll)
    watcher.start()
    try:
        export(chain_of("wavenet"), str(tmp_path / "7"), [SamplingConfig()])
    finally:
        ended.set()
        watcher.join()
    assert names_in(tmp_path) == ["7"]
    assert seen and all(files == files_in(tmp_path / "7") for files in seen)
    assert f"{EXTRA}/metadata.json" in files_in(tmp_path / "7")


def test_existing_export_stays_unless_overwritten(exported, chain_of, tmp_path):
    there = tmp_path / "model" / "1"
    shutil.copytree(exported("wavenet"), there)
    with pytest.raises(UserError, match="is there already.*--overwrite"):
        export(chain_of("wavenet"), str(there), [SamplingConfig()])
    (there / "mark").touch()
    with pytest.raises(UserError, match="mark was not made by ada.export"):
        export(chain_of("wavenet"), str(there), [SamplingConfig()], overwrite=True)
    assert (there / "mark").exists()
    (there / "mark").unlink()
    (there / ".made_by_ada").unlink()  # as exports of before
    export(chain_of("wavenet"), str(there), [SamplingConfig()], overwrite=True)
    assert (there / ".made_by_ada").exists()
    assert names_in(there.parent) == ["1"]


def test_export_that_cannot_be_replaced_stays(chain_of, tmp_path, monkeypatch):
    there = tmp_path / "model" / "1"
    there.mkdir(parents=True)
    (there / "saved_model.pb").touch()
    replace = Path.replace

    def fail(path, target):
        if path.suffix == ".tmp":
            raise OSError("no room")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no room"):
        export(
            chain_of("wavenet"), str(there), [SamplingConfig()], with_warmup=False, overwrite=True
        )
    assert (there / "saved_model.pb").exists()
    assert names_in(there.parent) == ["1"]


def test_failed_export_leaves_nothing(chain_of, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        export(chain_of("wavenet"), str(tmp_path / "file" / "1"), [SamplingConfig()])
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["model", "v1", "-1", "1.0", "²", ""])
def test_versions_are_numbers(name, chain_of, tmp_path):
    with pytest.raises(UsageError, match="versions to be numbers; name .*1"):
        export(chain_of("wavenet"), str(tmp_path / name), [SamplingConfig()])


def test_only_local_directories(chain_of):
    with pytest.raises(UserError, match="local or mounted"):
        export(chain_of("wavenet"), "gs://bucket/1", [SamplingConfig()])
    assert not Path("gs:").exists()
