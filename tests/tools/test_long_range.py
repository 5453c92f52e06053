"""The long-range demonstration's known answers, and its command on a scale of seconds."""

import itertools
import json

import numpy as np
import pytest
from support import MICRO, refuses, run

from ada.audio import from_pcm16, mu_law_encode, pcm16
from ada.config import configuration
from ada.data import Dataset, audio_to_ids
from ada.evaluation.comparison import read_evaluation
from ada.runs.chain import Chain
from tools.motifs.optimum import beat_of, likeliest_notes, optimal_bits
from tools.motifs.report import repeated_notes
from tools.motifs.scoring import read_pieces, score
from tools.motifs.source import CLASSES_A_LEVEL, Source, ids_to_levels, levels_to_audio

TINY = Source(num_notes=3, note_steps=3, motif_notes=2, repetitions=3)


def test_every_level_has_its_probability():
    table = Source().level_probabilities()
    np.testing.assert_allclose(table.sum(-1), 1.0)
    assert (table[0, :, -1] == 1.0).all()
    assert (table[1:, :, -1] == 0.0).all()


def test_pieces_repeat_notes_and_not_noise():
    source = Source()
    motifs, levels = source.draw(4, seed=1)
    assert levels.shape == (4, source.piece_steps)
    frames = levels.reshape(4, *source.shape)
    assert (frames[:, 0] != frames[:, 1]).mean() > 0.5
    # Frequencies of levels, given note and place, are the table's.
    place = frames[:, :, motifs[0] == motifs[0, 0], 5][0]
    expected = source.level_probabilities()[5, motifs[0, 0]]
    counts = np.bincount(place.ravel(), minlength=len(expected)) / place.size
    np.testing.assert_allclose(counts, expected, atol=5 / np.sqrt(place.size))


def test_levels_survive_the_way_through_a_wav_file():
    levels = np.arange(16)
    ids = mu_law_encode(from_pcm16(pcm16(levels_to_audio(levels))))
    np.testing.assert_array_equal(ids, levels * CLASSES_A_LEVEL + CLASSES_A_LEVEL // 2)
    np.testing.assert_array_equal(ids_to_levels(ids), levels)


@pytest.mark.parametrize("memory", [False, True])
def test_the_filter_equals_the_sum_over_all_motifs(memory):
    _, levels = TINY.draw(1, seed=3)
    frames, table = levels.reshape(TINY.shape), TINY.level_probabilities()
    new_motifs = 1 if memory else TINY.repetitions
    notes_drawn = new_motifs * TINY.motif_notes
    likelihood = []
    for drawn in itertools.product(range(TINY.num_notes), repeat=notes_drawn):
        notes = np.resize(np.array(drawn).reshape(new_motifs, -1), TINY.shape[:2])
        likelihood.append(
            np.prod([table[t, notes[r, s], frames[r, s, t]] for r, s, t in np.ndindex(TINY.shape)])
        )
    bits = optimal_bits(TINY, levels, memory)
    assert bits.shape == levels.shape
    assert bits.sum() == pytest.approx(-np.log2(np.mean(likelihood)))


def test_memory_is_worth_the_notes_of_the_repetitions():
    source = Source()
    _, levels = source.draw(40, seed=2)
    local, full = (optimal_bits(source, levels, memory) for memory in (False, True))
    np.testing.assert_allclose(local[:, : source.lag], full[:, : source.lag])
    # Four bits a note; its samples tell nearly all of them, and earlier repetitions the rest.
    expected = np.log2(16) / 16 * (1 - 1 / source.repetitions)
    assert (local - full).mean() == pytest.approx(expected, rel=0.02)
    later = local[:, source.lag :] - full[:, source.lag :]
    assert later.mean() == pytest.approx(np.log2(16) / 16, rel=0.02)


def test_notes_are_recognised_whatever_the_beat():
    source = Source()
    motifs, levels = source.draw(6, seed=4)
    notes = likeliest_notes(source, levels).reshape(6, source.repetitions, -1)
    assert (notes == motifs[:, None]).mean() > 0.99
    assert repeated_notes(source, levels) > 0.99
    shifted = levels[:, 5:]
    np.testing.assert_array_equal(beat_of(source, shifted), [11] * 6)
    assert repeated_notes(source, shifted) > 0.99
    # Other music every time: chance.
    _, single = Source(motif_notes=480, repetitions=1).draw(6, seed=5)
    assert repeated_notes(source, single) == pytest.approx(1 / 16, abs=0.03)


def test_the_comparison_is_even():
    def built(name):
        settings = configuration.load([f"gin/long_range/{name}.gin"])
        model = settings.model()
        model.build()
        configuration.check_all_used()
        return settings, model

    names = ("plain_wavenet", "thin_wavenet", "vqvae", "prior")
    settings, models = zip(*map(built, names), strict=True)
    assert len({s.num_steps for s in settings}) == 1
    assert len({s.batch_size * s.crop_steps for s in settings}) == 1
    plain, thin, autoencoder, prior = models
    chain = autoencoder.count_params() + prior.count_params()
    sizes = [plain.count_params(), thin.count_params(), chain]
    assert max(sizes) < 1.03 * min(sizes)
    lag = Source().lag
    assert max(plain.receptive_field, autoencoder.receptive_field) < lag
    assert min(thin.receptive_field, prior.receptive_field * autoencoder.hop_length) > lag
    assert settings[0].crop_steps == Source().piece_steps


@pytest.mark.long
def test_the_command_trains_scores_and_draws(tmp_path):
    flags = [
        "--num_pieces=40",
        "--motif_notes=8",
        "--repetitions=4",
        "--num_clips=1",
        f"--output_dir={tmp_path}",
        *[flag for flag in MICRO if "tiny.gin" not in flag],
    ]
    process = run("tools.long_range", *flags)
    assert process.returncode == 0, process.stderr
    result = json.loads((tmp_path / "long_range.json").read_text())
    assert [system["name"] for system in result["systems"]] == [
        "plain WaveNet",
        "thin WaveNet",
        "ADA chain",
    ]
    for system in result["systems"]:
        assert system["total_bits"] > result["optima"][1]["total_bits"]
        assert len(system["curve"]) == 32
        assert 0 <= system["repeated"] <= 1
    for name in ("long_range.txt", "long_range.png"):
        assert (tmp_path / name).stat().st_size
    # Whole pieces and the windows of `ada.evaluate`, which scored the validation split, agree.
    root = tmp_path / "ada_chain"
    chain = Chain.open([str(root / "long_range" / level) for level in ("prior", "vqvae")])
    pieces = read_pieces(Dataset.open(str(tmp_path / "data")), "validation", audio_to_ids())
    scores = score(chain, pieces)
    evaluated = read_evaluation(root / "evaluation" / "evaluation.json")
    assert scores.total.mean() == pytest.approx(evaluated["total_bits"], abs=0.02)
    prior = evaluated["levels"][0]["bits_per_sample"]
    assert scores.codes.mean() == pytest.approx(prior, abs=0.02)
    refuses("tools.long_range", *flags, "--seed=7", said="other pieces")
