"""Prompts: which codes of theirs are known, at two and three levels, and reading them."""

import numpy as np
import pytest
import soundfile as sf

from ada.audio import AudioError, read_audio, write_wav
from ada.generation.lengths import chain_geometry
from ada.generation.prompts import encode_prompts, pieces_of, read_prompt
from ada.runs.chain import Chain

STEPS = 160


@pytest.fixture(scope="module")
def chain(chain_dirs):
    return Chain.open(chain_dirs[3])


@pytest.fixture(scope="module")
def encoded(chain):
    """A function that encodes pieces: for every level, top first, the codes of every piece."""
    geometry = chain_geometry(chain)

    def encode(pieces, **kwargs):
        return encode_prompts(chain, pieces, geometry, progress=False, **kwargs)

    return encode


@pytest.fixture(scope="module")
def piece():
    return np.random.default_rng(3).integers(0, 7, STEPS).astype(np.int32)


def test_codes_of_a_prompt_are_those_that_no_continuation_changes(encoded, chain):
    """Brute force: what follows the known ids of a level changes no known code, but the next."""
    rng = np.random.default_rng(4)
    level1, level2 = chain.load_model(2), chain.load_model(1)
    pieces = rng.integers(0, 7, (50, STEPS)).astype(np.int32)
    lengths = range(48, STEPS - 40, 3)
    known = encoded([pieces[0, :length] for length in lengths])
    assert len({len(codes) for codes in known[0]}) > 3  # level 2
    assert len({len(codes) for codes in known[1]}) > 10  # level 1

    def changed(model, ids, length):
        """The codes, and which change if in other ways every piece goes on after `length`."""
        others = np.repeat(ids[:, np.newaxis], 10, axis=1)
        others[:, 1:, length:] = rng.integers(0, 7, others[:, 1:, length:].shape)
        codes = model.encode(others.reshape(-1, ids.shape[1])).numpy().reshape(50, 10, -1)
        return codes, (codes != codes[:, :1]).any((0, 1))

    for length, codes2, codes1 in zip(lengths, *known[:2], strict=True):
        found, differ = changed(level1, pieces, length)
        np.testing.assert_array_equal(found[0, 0, : len(codes1)], codes1)
        assert not differ[: len(codes1)].any(), length
        assert differ[len(codes1)], length
        # The same pieces with other ends have the same known codes two levels up,
        top = level2.encode(found[0]).numpy()[:, : len(codes2)]
        np.testing.assert_array_equal(top, np.tile(codes2, (10, 1)))
        # and no more could be known from the codes below that are known.
        _, differ = changed(level2, found[:, 0], len(codes1))
        assert not differ[: len(codes2)].any(), length
        assert differ[len(codes2)], length


def test_known_codes_are_those_of_a_longer_piece(encoded, piece):
    short, long = encoded([piece[:101]]), encoded([piece])
    for level, (few, many) in enumerate(zip(short, long, strict=True)):
        assert 0 < len(few[0]) < len(many[0])
        np.testing.assert_array_equal(few[0], many[0][: len(few[0])])
        assert len(np.unique(many[0])) > 1, level


def test_a_prompt_may_be_too_short_for_any_code(encoded, piece):
    top, middle, bottom = encoded([piece[:5]])
    assert (len(top[0]), len(middle[0]), len(bottom[0])) == (0, 0, 5)


def test_items_take_prompts_in_turn():
    assert pieces_of([[1, 2, 3], [4]], [0, 1, 4]) == [[1, 2, 3], [4], [1, 2, 3]]


@pytest.mark.parametrize("rate", [1000, 8000])
def test_audio_is_read_at_the_rate_of_the_chain(rate, chain, tmp_path):
    path = tmp_path / "tone.wav"
    tone = 0.5 * np.sin(2 * np.pi * 50 * np.arange(rate) / rate)
    write_wav(path, tone, rate)
    info = chain.runs[-1].info
    ids = read_prompt(path, info)
    assert ids.shape == (1000,)
    # Seven mu-law classes: each is as wide as its place in the curve.
    error = np.abs(np.asarray(info.ids_to_audio(ids)) - read_audio(path, 1000))
    assert error.max() < 0.35
    np.testing.assert_array_equal(read_prompt(path, info, 0.3), ids[:300])
    np.testing.assert_array_equal(read_prompt(path, info, 5.0), ids)


def test_a_prompt_beyond_full_scale_is_clipped_with_a_warning(chain_dirs, tmp_path, capsys):
    info = Chain.open(chain_dirs[1]).runs[-1].info
    sound = np.sin(np.arange(3000) / 9)
    sf.write(tmp_path / "loud.wav", 1.7 * sound, 1000, "FLOAT")
    read_prompt(tmp_path / "loud.wav", info)
    assert "loud.wav: " in (printed := capsys.readouterr().err) and "are clipped" in printed
    sf.write(tmp_path / "fine.wav", 0.9 * sound, 1000, "FLOAT")
    read_prompt(tmp_path / "fine.wav", info)
    assert capsys.readouterr().err == ""
    sf.write(tmp_path / "scale.wav", 9000 * sound, 1000, "FLOAT")
    with pytest.raises(AudioError, match="full scale is 1"):
        read_prompt(tmp_path / "scale.wav", info)
