"""A servable runs without Python: loaded by a program in C, as TensorFlow Serving loads it."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from serving_reference import Reference
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

COMPILER = next(filter(shutil.which, (sysconfig.get_config_var("CC").split()[0], "cc")), None)
HOW = {"seed": np.int64(3), "items": np.array([0, 4], np.int32), "temperature": np.float32(1.0)}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    path = tmp_path_factory.mktemp("c") / "predict"
    libraries = Path(tf.sysconfig.get_lib())
    subprocess.run(
        [
            *(COMPILER, "-Wall", "-Werror", Path(__file__).with_name("predict.c"), "-o", path),
            *(f"-I{tf.sysconfig.get_include()}", f"-L{libraries}", f"-Wl,-rpath,{libraries}"),
            *("-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"),
        ],
        check=True,
    )
    return path


class Plan:
    """What the program is to run, written for it."""

    def __init__(self, model, directory):
        [graph] = SavedModel.FromString((model / "saved_model.pb").read_bytes()).meta_graphs
        self._signatures, self._directory = graph.signature_def, directory
        self.lines, self._calls = [], 0

    def call(self, signature, inputs):
        """Adds a call; returns files of its outputs by name. Inputs are arrays or (file, shape)."""
        self._calls += 1
        defined = self._signatures[signature]
        assert set(defined.inputs) == set(inputs)
        for name, value in inputs.items():
            if isinstance(value, np.ndarray | np.generic):
                path = self._directory / f"{self._calls}_{name}.in"
                path.write_bytes(value.tobytes())
                value = path, value.shape
            path, shape = value
            info = defined.inputs[name]
            operation, index = info.name.split(":")
            line = ["in", operation, index, info.dtype, path, len(shape), *shape]
            self.lines.append(" ".join(map(str, line)))
        outputs = {}
        for name, info in defined.outputs.items():
            operation, index = info.name.split(":")
            outputs[name] = self._directory / f"{self._calls}_{name}.out"
            self.lines.append(f"out {operation} {index} {outputs[name]}")
        self.lines.append("run")
        return outputs


@pytest.mark.parametrize("kind", ["three levels"])
def test_a_program_in_c_gets_what_python_gets(kind, program, exported, chain_of, tmp_path):
    model, reference = exported(kind), Reference(chain_of(kind))
    shapes = {
        name: tensor.shape
        for name, tensor in tf.saved_model.load(str(model))
        .signatures["initial_state"](items=tf.constant(HOW["items"]))
        .items()
    }
    plan = Plan(model, tmp_path)
    encoded = plan.call("encode", {"audio": reference.signal})
    state, blocks = plan.call("initial_state", {"items": HOW["items"]}), []
    for _ in range(5):
        carried = {name: (state[name], shape) for name, shape in shapes.items()}
        state = plan.call("generate_block", carried | HOW)
        blocks.append(state["audio"])
    process = subprocess.run(
        [program, model],
        input="\n".join(plan.lines),
        capture_output=True,
        text=True,
        env={"TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    codes = np.fromfile(encoded["codes"], np.int32).reshape(3, -1)
    np.testing.assert_array_equal(codes, reference.encoded(reference.signal)[0])
    audio = np.concatenate([np.fromfile(b, np.float32).reshape(2, -1) for b in blocks], axis=1)
    drawn = reference.drawn(HOW["items"], 3, 1.0, steps=audio.shape[1])
    np.testing.assert_array_equal(audio, reference.from_ids(drawn[-1]))
