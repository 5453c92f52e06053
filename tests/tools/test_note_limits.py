"""What limits note F1: conditioning with and without quantisation, where the answer is known."""

import numpy as np
import pytest
from support import run, write_run

from ada.evaluation import transcription
from ada.extensions.groups import group_means
from ada.generation import Level, SamplingConfig, generate_level
from ada.models.losses import explained_share
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from tools.conditionings import CODES, MEANS, QUERIES, conditionings, decoder, explained

installed = pytest.mark.skipif(
    not transcription.is_installed(), reason="the weights are a package of their own"
)


@pytest.fixture
def ids():
    """Two clips of eight hops of 4."""
    return np.random.default_rng(0).integers(0, 7, (2, 32)).astype(np.int32)


def test_codebook_that_holds_all_queries_changes_nothing(make_autoencoder, ids):
    model = make_autoencoder()
    model.quantizer.codebook.assign(model.queries(ids[:1])[0])
    found = conditionings(model, ids[:1])
    assert list(found) == [CODES, QUERIES]
    np.testing.assert_array_equal(found[CODES], found[QUERIES])
    decode = decoder(model, SamplingConfig(3), 1)
    made = [decode(vectors, 32, name) for name, vectors in found.items()]
    np.testing.assert_array_equal(*made)
    # Another clip has other queries, which this codebook does not hold.
    other = conditionings(model, ids[1:])
    assert not np.allclose(other[CODES], other[QUERIES], atol=0.01)


def test_decoding_codes_is_what_the_sampler_makes_of_them(make_note_autoencoder, ids):
    model = make_note_autoencoder()
    vectors = conditionings(model, ids)[CODES]
    made = decoder(model, SamplingConfig(3), 2)(vectors, 32, "")
    expected, _ = generate_level(
        Level(model, SamplingConfig(3), batch_size=2), 2, 32, codes=model.encode(ids)
    )
    np.testing.assert_array_equal(made, expected)


def test_groups_have_means_besides(make_note_autoencoder, ids):
    model = make_note_autoencoder()
    found = conditionings(model, ids)
    queries = model.queries(ids)
    np.testing.assert_allclose(found[QUERIES], queries, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[MEANS], group_means(queries, 2), rtol=1e-5, atol=1e-5)
    assert model.quantizer.is_active
    moments = model.compute_losses(ids).metrics["auxiliary_moments"]
    share = explained(model, found[CODES], ids)
    assert share == pytest.approx(explained_share(moments.numpy()), rel=1e-4)
    assert share != pytest.approx(explained(model, found[QUERIES], ids), rel=1e-4)


@installed
def test_the_command_prints_a_table(make_autoencoder, music, tmp_path):
    prepare(str(tmp_path / "data"), AudioOptions((str(music / "*"),)))
    run_dir = write_run(tmp_path / "run", make_autoencoder(), 16000)
    flags = [f"--run_dir={run_dir}", f"--data_dir={tmp_path / 'data'}", "--num_clips=2"]
    process = run("tools.note_limits", *flags, "--clip_secs=0.5", "--seed=7")
    assert process.returncode == 0, process.stderr
    names = [line.split(" | ")[0] for line in process.stdout.splitlines() if line.startswith("|")]
    assert names[2:] == [f"| {name}" for name in (CODES, QUERIES, "8-bit audio itself")]
    assert "2 clips of 0.5 s" in process.stdout
    assert "seed 7, temperature 1, top-k 0, top-p 1" in process.stdout


def test_models_without_a_codebook_are_refused(chain_dirs):
    process = run("tools.note_limits", f"--run_dir={chain_dirs[1][0]}")
    assert process.returncode == 1
    assert "name a VQ-VAE of audio" in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1
