"""Every shipped gin file is built and takes one step, with gin/tiny.gin on top, not other code."""

import numpy as np
import pytest
from support import ROOT, start, write_codes

from ada.config import bindings, configuration
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.runs.run import Run
from ada.training import train
from ada.utils.errors import UserError

SYSTEM_NAMES = [
    "hop64_vqvae",
    "hop8_vqvae",
    "large_wavenet",
    "nsynth",
    "thin_wavenet",
    "very_large_wavenet",
    "vqvae_amae",
    "vqvae_pbt_vqvae",
]
# What stands on top of any model, and is none.
ON_TOP = ("tiny", "small", "notes", "piano", "finetune")
MODELS = sorted(p.stem for p in (ROOT / "gin").glob("*.gin") if p.stem not in ON_TOP)
# Of the paper, rather than sizes for one processor.
PLAIN = [name for name in MODELS if name != "learning"]
SYSTEMS = sorted(p.stem for p in (ROOT / "gin" / "systems").glob("*.gin"))
ONE_STEP = [
    "NUM_STEPS=1",
    "LR_WARMUP_STEPS=0",
    "BATCH_SIZE=1",
    "VALIDATION_IDS=2000",
    "CROP_STEPS=2048",  # the thin one sees 1534
    "LEVEL2_STEPS=1",
    "PRIOR_STEPS=1",
    "CODEBOOK_WARMUP_STEPS=0",
    "train.jit_compile=False",
    "Intervals.audio_secs=0.0",
]


@pytest.fixture(scope="module")
def data(music, tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    splits = {s: [rng.integers(0, 256, 5000)] for s in ("train", "validation", "test")}
    prepare(str(root / "audio"), AudioOptions(inputs=(str(music),)))
    return {"audio": str(root / "audio"), "codes": write_codes(root / "codes", splits, 256)}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("eagerly")
def test_every_model_is_built_and_takes_one_step(name, data, tmp_path):
    settings = configuration.load([f"gin/{name}.gin", "gin/tiny.gin"], ONE_STEP)
    run_dir = str(tmp_path / name)
    train(settings, run_dir, data[settings.kind], describe=configuration.operative)
    assert Run.open(run_dir).checkpoint_path("latest").endswith("-1")
    operative = (tmp_path / name / "operative.gin").read_text()
    macro = {"level2": "LEVEL2_STEPS", "prior": "PRIOR_STEPS"}.get(name.split("_")[0], "NUM_STEPS")
    assert f"train.num_steps = %{macro}" in operative
    assert f"{macro} = 1\n" in operative


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_built_at_its_real_size_with_every_binding_used(name):
    settings = configuration.load([f"gin/{name}.gin"])
    model = settings.model()
    configuration.check_all_used()
    assert settings.crop_steps >= model.receptive_field + 1
    assert settings.crop_steps % getattr(model, "hop_length", 1) == 0


@pytest.mark.parametrize("name", PLAIN)
def test_batches_of_every_plain_model_divide_by_up_to_eight_replicas(name):
    batch_size = bindings.read_model([f"gin/{name}.gin"]).value("train.batch_size")
    assert batch_size % 8 == 0


@pytest.mark.long
@pytest.mark.parametrize("name", PLAIN)
def test_every_plain_model_takes_a_step_on_eight_devices(name, data, tmp_path):
    """In a process each: TensorFlow aborts the second strategy of eight devices in one."""
    for kind, directory in data.items():
        (tmp_path / kind).symlink_to(directory)
    process = start(ROOT / "tests/training/eight_devices_script.py", tmp_path, name)
    assert process.wait(timeout=600) == 0, process.said()
    assert (tmp_path / name / "run.json").exists()


@pytest.mark.parametrize(
    ("name", "steps", "rf_ms"),
    [
        ("large_wavenet", 6139, 384),
        ("very_large_wavenet", 12277, 768),
        ("thin_wavenet", 49147, 3072),
    ],
)
def test_receptive_fields_of_the_papers_wavenets(name, steps, rf_ms):
    model = configuration.load([f"gin/{name}.gin"]).model()
    assert model.receptive_field == steps
    assert abs(steps / 16.0 / rf_ms - 1) < 0.002


@pytest.mark.parametrize(
    ("name", "rf_ms"),
    [
        ("large_wavenet", 384),
        ("very_large_wavenet", 768),
        ("thin_wavenet", 3072),
        ("hop8_vqvae", 3072),
        ("hop64_vqvae", 24576),
        ("vqvae_pbt_vqvae", 24576),
        ("vqvae_amae", 24576),
    ],
)
def test_receptive_fields_of_the_papers_systems(name, rf_ms):
    """The table's column: the top model's field times the hops below."""
    hop = 1
    for level in bindings.load_system(f"gin/systems/{name}.gin"):
        model = configuration.load([f"gin/{level}.gin"]).model()
        steps = model.receptive_field * hop
        hop *= model.hop_length
    assert abs(steps / 16.0 / rf_ms - 1) < 0.002


def test_there_is_a_file_for_every_row_of_the_table():
    assert SYSTEMS == SYSTEM_NAMES


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_names_gin_files_that_are_there(name):
    levels = bindings.load_system(f"gin/systems/{name}.gin")
    assert set(levels) <= set(MODELS)


def test_a_model_file_is_no_system():
    with pytest.raises(UserError, match="System.levels"):
        bindings.load_system("gin/hop64_vqvae.gin")


def test_a_misspelt_name_in_a_file_is_an_error(tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text("NUM_STEPS = 7\nNUM_STPES = 3\n")
    with pytest.raises(UserError, match="no file knows NUM_STPES"):
        configuration.load(["gin/hop64_vqvae.gin", str(path)])
    path.write_text("MINE = 7\nNUM_STEPS = %MINE\n")
    assert configuration.load(["gin/hop64_vqvae.gin", str(path)]).num_steps == 7


@pytest.mark.parametrize(
    ("files", "binding", "message"),
    [
        (["hop64_vqvae"], "train.number_of_steps=3", "number_of_steps"),
        (["hop64_vqvae"], "Nothing.x=3", "Nothing"),
        (["hop64_vqvae"], "Encoder.channles=3", "channles"),
        (["hop64_vqvae"], "Optimization.schedule='linear'", "Optimization.schedule"),
        (["hop64_vqvae"], "POLYAK_DECAY=1.0", r"polyak_decay must be in \[0, 1\)"),
        (["hop64_vqvae"], "NUM_STEPS='x'", "train.num_steps must be a whole number"),
        (["hop64_vqvae"], "PRECISION=mixed_bfloat16", "text needs quotes"),
        (["hop64_vqvae"], "ACCUMULATION_STEPS=3", "into 3 micro-batches: set BATCH_SIZE"),
        (["tiny"], "NUM_STEPS=3", "no file names a model"),
    ],
)
def test_load_rejects_invalid_bindings(files, binding, message):
    with pytest.raises(UserError, match=message) as error:
        configuration.load([f"gin/{name}.gin" for name in files], [binding]).model()
    assert "\n" not in str(error.value)


def test_bindings_go_to_the_models_that_use_them():
    params = ["NUM_STEPS=7", "HOP_LENGTH=32", "VectorQuantizer.code_dim=8", "PRIOR_STEPS=9"]
    assert configuration.params_for(["gin/hop64_vqvae.gin"], params) == params[:3]
    assert configuration.params_for(["gin/local_wavenet.gin"], params) == params[:1]
    assert configuration.params_for(["gin/prior_hop64.gin"], params) == params[3:]
    with pytest.raises(UserError, match="num_steps must be a whole number"):
        configuration.params_for(["gin/hop64_vqvae.gin"], ["NUM_STEPS='x'"])
    # Valid only together: ReLU has no warm-up.
    plain = ["CODEBOOK_WARMUP_STEPS=0", "ARGMAX_NORMALIZATION='relu'"]
    for params in (plain, plain[::-1]):
        assert configuration.params_for(["gin/level2_amae.gin", "gin/tiny.gin"], params) == params


@pytest.mark.parametrize(
    "overlay", [["notes"], ["tiny", "notes"], ["notes", "piano"]], ids="+".join
)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_fits_the_overlay_for_notes(name, overlay):
    files = [f"gin/{each}.gin" for each in (name, *overlay)]
    settings = configuration.load(files)
    model = settings.model()
    configuration.check_all_used()
    has_codes = bool(model.num_codes)
    assert (settings.first_phase is not None) == has_codes
    assert settings.crop_steps % model.alignment == 0
    if has_codes:
        assert model.auxiliary is not None
        assert settings.of_first_phase().crop_steps % model.alignment == 0
        assert settings.first_phase.num_steps > settings.hooks[0]().steps


@pytest.mark.parametrize("name", SYSTEMS)
def test_levels_fit_each_other_with_the_overlay_for_notes(name):
    models = [
        configuration.load([f"gin/{level}.gin", "gin/notes.gin", "gin/piano.gin"]).model()
        for level in bindings.load_system(f"gin/systems/{name}.gin")
    ]
    for lower, upper in zip(models, models[1:], strict=False):
        assert upper.num_classes == lower.num_codes
    if len(models) == 3:
        lower, middle, _ = models
        for model in (lower, middle):
            model.build()
        middle.encoder.front_end.load_below(lower)


def test_files_in_the_wrong_order_are_refused():
    with pytest.raises(UserError, match="hop64_vqvae.gin names the model: give it first"):
        configuration.load(["gin/notes.gin", "gin/hop64_vqvae.gin"])


@pytest.mark.parametrize(
    ("overlays", "binding"),
    [
        ([], "VectorQuantizer.commitment_weight=0.5"),
        (["notes"], "FirstPhase.batch_size=4"),
        (["notes"], "SpectralLoss.weight=3.0"),
        (["notes"], "GroupedVectorQuantizer.code_dim=16"),
    ],
)
def test_bindings_of_what_a_macro_names_are_used(overlays, binding):
    files = [f"gin/{name}.gin" for name in ("hop64_vqvae", *overlays)]
    configuration.load(files, [binding]).model()
    configuration.check_all_used()
    assert configuration.params_for(files, [binding]) == [binding]


@pytest.mark.parametrize(
    "binding", ["ArgmaxQuantizer.diversity_weight = 3.0", "Search.population = 3"]
)
@pytest.mark.parametrize("in_file", [True, False], ids=["file", "flag"])
def test_unused_bindings_are_errors(binding, in_file, tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text(binding if in_file else "")
    files = ["gin/hop64_vqvae.gin", str(path)]
    configuration.load(files, [] if in_file else [binding]).model()
    with pytest.raises(UserError, match="nothing uses"):
        configuration.check_all_used()
