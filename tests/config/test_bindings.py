"""Gin files as they are read without TensorFlow."""

import pickle

import pytest
from support import MICRO, refuses, run_here

import gin
from ada.config import bindings, configuration
from ada.utils import resources
from ada.utils.errors import UserError

HOP8 = "gin/hop8_vqvae.gin"


@pytest.fixture
def write(tmp_path):
    """Writes a gin file; returns its path."""

    def written(text, name="own.gin"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return written


def test_an_error_names_the_file_that_it_is_in(write):
    damaged = write("NUM_STEPS = = 3\n", "damaged.gin")
    for path in (damaged, write(f"include '{damaged}'\n")):
        with pytest.raises(UserError, match=r"damaged\.gin: Unable to parse"):
            bindings.read_model([HOP8, path])
    circle = write("")
    write(f"include '{circle}'\n")
    with pytest.raises(UserError, match="own.gin: it includes itself"):
        bindings.read_model([HOP8, circle])


@pytest.mark.parametrize("name", ["STRATEGY", "NUM_STEPS"])
def test_a_macro_that_refers_to_itself_is_refused(name):
    read = bindings.read_model([HOP8], [f"{name} = %{name}"])
    with pytest.raises(UserError, match=f"{name} refers to itself"):
        read.value(name)
    refuses("ada.train", f"--gin_file={HOP8}", "--gin_param=STRATEGY=%STRATEGY", said="STRATEGY")


def test_levels_of_a_system_may_be_macros(write):
    text = "TOP = 'prior_hop64'\nSystem.levels = ('hop64_vqvae', %TOP)\n"
    assert bindings.load_system(write(text)) == ("hop64_vqvae", "prior_hop64")


@pytest.mark.parametrize("levels", ["@hop64_vqvae", "('hop64_vqvae', @prior_hop64)", "()", "'a'"])
def test_levels_that_are_no_names_are_refused(levels, write):
    with pytest.raises(UserError, match="is not a system"):
        bindings.load_system(write(f"System.levels = {levels}\n"))


def test_a_macro_may_be_used_by_a_binding_alone(write):
    own = write("DEPTH = 5\n")
    files = ["gin/systems/hop64_vqvae.gin", own]
    assert bindings.read_system(files, ["WaveNet.layers_per_stack = %DEPTH"])
    with pytest.raises(UserError, match="no file knows DEPTH"):
        bindings.read_system(files, [])


@pytest.mark.parametrize("kind", ["adio", "code"])
def test_unknown_kind_of_data_is_refused(kind, tmp_path):
    flags = [f"--gin_file={HOP8}", f"--gin_param=train.kind='{kind}'", f"--run_dir={tmp_path}"]
    refuses("ada.train", *flags, said="train.kind must be one of audio, codes", after_others=True)


def test_settings_outlive_a_command_in_the_same_process():
    settings = configuration.load([HOP8, "gin/tiny.gin"], ["CODER_CHANNELS = 8"])
    before = gin.config_str()
    described = run_here("ada.describe", "--gin_file=gin/prior_hop64.gin", *MICRO)
    assert described.returncode == 0, described.stderr
    assert gin.config_str() == before
    assert settings.model().modulator.channels == 8


CODE = [
    "import os",
    "import ada.models",
    "from os import path",
    "from __gin__ import dynamic_registration",
    "train.model = @os.system",
    "train.model = @tf.keras.layers.Lambda()",
    "NUM_STEPS = (1, @subprocess.run())",
]


@pytest.mark.parametrize("text", CODE)
def test_gin_files_execute_nothing_unless_they_may(text, write, monkeypatch):
    monkeypatch.delenv("ADA_ALLOW_GIN_IMPORTS", raising=False)
    included = write(text + "\n", "harm.gin")
    for path in (included, write(f"include '{included}'\n")):
        with pytest.raises(UserError, match="it asks for .* --allow_gin_imports"):
            bindings.read_model([HOP8, path])
    with pytest.raises(UserError, match="--allow_gin_imports"):
        bindings.read_model([HOP8], [text])


def test_no_module_is_imported_by_a_command_that_refuses(write, tmp_path, monkeypatch):
    (tmp_path / "harm.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write("import harm\n", "harm.gin")
    flags = [f"--gin_file={HOP8}", f"--gin_file={path}"]
    for module in ("ada.describe", "ada.train", "ada.pbt"):
        refuses(module, *flags, said="import harm")
        assert not (tmp_path / "mark").exists()
    process = run_here("ada.describe", *flags, "--allow_gin_imports")
    assert process.returncode == 0 and (tmp_path / "mark").exists(), process.stderr
    refuses("ada.describe", *flags, said="import harm")


def test_a_model_is_loaded_where_its_gin_files_are_not(write, monkeypatch, tmp_path):
    """As on another node of a cluster."""
    overlay = write("include 'gin/tiny.gin'\nBATCH_SIZE = 3\nOptimization.clip_norm = 2.0\n")
    files, params = [HOP8, overlay], ["NUM_STEPS = 7"]
    expected = configuration.load(files, [*params, "Optimization.learning_rate = 0.25"])
    with configuration.kept():
        expected.model()
        text = configuration.operative()
    sent = pickle.dumps(configuration.GinModel.read(files, params))

    def no_files():
        raise AssertionError("no gin files here")

    monkeypatch.setattr(resources, "gin_dir", no_files)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.gin").unlink()
    model = pickle.loads(sent)
    settings = model.load({"Optimization.learning_rate": 0.25})
    assert (settings.batch_size, settings.num_steps) == (3, 7)
    assert settings.optimization == expected.optimization
    settings.model()
    assert configuration.operative() == text
    with pytest.raises(UserError, match="no file knows NO_SUCH"):
        model.load({"NO_SUCH": 1.0})
    with pytest.raises(UserError, match="gin: .*no_such"):
        model.load({"Optimization.no_such": 1.0})
