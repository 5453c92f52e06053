"""The same sound is never in two splits: copies, other formats, other microphones of a take."""

import numpy as np
import pytest
import soundfile as sf
import soxr
from audio_support import melody

from ada.data import SPLITS, Dataset
from ada.preparation.fingerprint import Fingerprinter, same_recordings
from ada.preparation.groups import find_groups
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare

RATE = 16000


def fingerprint(sound, rate=RATE, block=4000):
    taken = Fingerprinter(rate)
    for start in range(0, len(sound), block):
        taken.add(np.asarray(sound[start : start + block], np.float32))
    return taken.result()


def groups_of(names, fingerprints=None):
    files = {n: {"sha256": n, "fingerprint": (fingerprints or {}).get(n)} for n in names}
    first, groups = find_groups(files)
    assert set(first) == set(names)
    return {(group.paths, group.why) for group in groups}


def test_the_fingerprint_of_a_recording_survives_what_codecs_do():
    sound = melody(4.0, RATE, seed=1)
    noise = np.random.default_rng(0).normal(0, 0.002, len(sound))
    alike = [
        fingerprint(sound),
        fingerprint(sound, block=777),
        fingerprint(0.2 * sound + noise),
        fingerprint(np.concatenate([np.zeros(500), sound, np.zeros(900)])),
        fingerprint(np.linspace(1, 0.3, len(sound)) * sound),
        fingerprint(soxr.resample(sound, RATE, 24000), 24000),
    ]
    assert len(same_recordings(alike)) == 6 * 5 // 2
    others = [fingerprint(melody(4.0, RATE, seed)) for seed in range(2, 40)]
    assert same_recordings([alike[0], *others]) == []


def test_recording_without_features_has_no_fingerprint():
    time = np.arange(3 * RATE) / RATE
    for sound in (np.zeros(3 * RATE), np.full(3 * RATE, 0.5), melody(0.5, RATE)):
        assert fingerprint(sound) is None
    assert fingerprint(np.sin(2 * np.pi * 437.5 * time)) is None
    assert same_recordings([]) == []


def test_a_long_recording_takes_little_memory():
    taken = Fingerprinter(1000)
    sound = np.concatenate([np.repeat(melody(8.0, 1000, seed), 2) for seed in range(20)])
    for start in range(0, len(sound), 10_000):
        taken.add(sound[start : start + 10_000])
    assert taken._energies.nbytes < 2**18 and taken.result() is not None


@pytest.mark.parametrize(
    ("together", "apart"),
    [
        (["p1/p1_023_mic1.flac", "p1/p1_023_mic2.flac"], ["p1/p1_024_mic1.flac"]),
        (["x/Song.flac", "x/song.MP3", "x/song.m4a"], ["y/song.wav", "x/song2.wav"]),
        (["a/vocals.wav", "a/mixture.wav", "a/drums.wav"], ["b/vocals.wav"]),
        (["T/Track00012/mix.flac", "T/Track00012/stems/S03.flac"], ["T/Track00013/mix.flac"]),
        (["V/A_B_MIX.wav", "V/A_B_STEMS/A_B_STEM_01.wav"], ["V/A_C_MIX.wav"]),
        (["07_Funk_solo_mic.wav", "07_Funk_solo_hex_cln.wav"], ["07_Funk_comp_mic.wav"]),
        (["d/take 9 L.wav", "d/take 9 R.wav"], ["d/take 8 L.wav"]),
        (["mic1/s5/017.wav", "mic2/s5/017.wav"], ["mic1/s5/018.wav", "s5/017.wav"]),
        (["s5_017.micA.wav", "s5_017.micB.wav"], ["s5_018.micA.wav"]),
        (["x/Tune.wav", "x/tune (2).mp3", "x/Copy of tune.ogg"], ["y/tune (1).wav"]),
        (["b - Copy.wav", "b.wav", "b copy.wav"], ["c - Copy.wav", "copy.wav"]),
        ([], ["take (1).wav", "take (2).wav"]),
        ([], ["take.1", "take.2", "take.10"]),
        ([], ["disc1/01.wav", "disc2/01.wav", "disc1/02.wav"]),
    ],
)
def test_known_layouts(together, apart):
    groups = groups_of([*together, *apart])
    assert [paths for paths, _ in groups] == ([tuple(sorted(together))] if together else [])


def test_groups_that_overlap_are_one():
    files = {
        "a.wav": {"sha256": "1", "fingerprint": None},
        "b.wav": {"sha256": "1", "fingerprint": None},
        "b.ogg": {"sha256": "2", "fingerprint": fingerprint(melody(3.0, RATE))},
        "c.wav": {"sha256": "3", "fingerprint": fingerprint(0.5 * melody(3.0, RATE))},
        "d.wav": {"sha256": "4", "fingerprint": fingerprint(melody(3.0, RATE, seed=8))},
    }
    first, (group,) = find_groups(files)
    assert group.paths == ("a.wav", "b.ogg", "b.wav", "c.wav")
    assert group.why == "copies, the same name but for the ending, the same recording"
    assert first == dict.fromkeys(group.paths, "a.wav") | {"d.wav": "d.wav"}


def test_sounds_without_a_fingerprint_are_compared_by_their_samples(tmp_path):
    (tmp_path / "in").mkdir()
    for seed in range(6):
        sound = np.int16(32767 * melody(0.4, 44100, seed))
        assert fingerprint(sound / 32768, 44100) is None
        sf.write(tmp_path / f"in/{seed}.wav", sound, 44100)
        sf.write(tmp_path / f"in/again {seed}.flac", sound, 44100, "PCM_16")
    options = AudioOptions(inputs=(str(tmp_path / "in"),), min_secs=0.1)
    spec = prepare(str(tmp_path / "out"), options)
    assert {group.why for group in spec.grouped} == {"the same samples"}
    assert len(spec.grouped) == 6


def split_of(spec):
    return {s.path: split for split in SPLITS for s in spec.splits[split].sources}


def test_the_same_piece_in_other_formats_is_in_the_same_split(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for seed in range(12):
        sound = melody(2.2, 44100, seed)
        sf.write(tmp_path / f"in/first{seed}.flac", sound, 44100)
        sf.write(tmp_path / f"in/second{seed}.ogg", 0.7 * sound, 44100)
        if seed < 4:
            sf.write(tmp_path / f"in/third{seed}_mic1.wav", melody(1.2, RATE, 50 + seed), RATE)
            sf.write(tmp_path / f"in/third{seed}_mic2.wav", melody(1.2, RATE, 70 + seed), RATE)
    spec = prepare(str(tmp_path / "out"), AudioOptions(inputs=(str(tmp_path / "in"),)))
    found = split_of(spec)
    assert len(found) == 32 and set(found.values()) == set(SPLITS)
    for seed in range(12):
        assert found[f"first{seed}.flac"] == found[f"second{seed}.ogg"]
    for seed in range(4):
        assert found[f"third{seed}_mic1.wav"] == found[f"third{seed}_mic2.wav"]
    assert len(spec.grouped) == 16
    printed = capsys.readouterr().out
    assert "kept in one split: 32 files in 16 groups" in printed
    assert "first0.flac, second0.ogg: the same recording" in printed
    assert Dataset.open(tmp_path / "out").spec.grouped == spec.grouped


def test_divided_by_time_all_formats_are_divided_alike(tmp_path):
    (tmp_path / "in").mkdir()
    sound = melody(6.0, RATE)
    for name in ("a.wav", "a.flac", "b.wav"):
        sf.write(tmp_path / "in" / name, sound, RATE)
    options = AudioOptions(inputs=(str(tmp_path / "in"),), record_steps=4000)
    spec = prepare(str(tmp_path / "out"), options)
    assert "by time" in spec.split_method
    for split in SPLITS:
        spans = {(s.first_step, s.num_steps) for s in spec.splits[split].sources}
        assert len(spans) == 1 and len(spec.splits[split].sources) == 3


def test_a_csv_decides_but_what_it_tears_apart_is_said(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    rows = ["audio_filename,split"]
    for seed, split in enumerate(SPLITS):
        sf.write(tmp_path / f"in/{seed}.wav", melody(1.5, RATE, seed), RATE)
        rows.append(f"{seed}.wav,{split}")
    sf.write(tmp_path / "in/copy.flac", melody(1.5, RATE, 0), RATE)
    rows.append("copy.flac,test")
    (tmp_path / "in/maestro.csv").write_text("\n".join(rows))
    options = AudioOptions(maestro_csv=str(tmp_path / "in/maestro.csv"))
    spec = prepare(str(tmp_path / "out"), options)
    assert split_of(spec)["copy.flac"] == "test" and spec.grouped == ()
    assert "0.wav and copy.flac (the same recording) in two splits" in capsys.readouterr().out


def test_the_report_names_what_is_unusual(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for seed in range(3):
        sf.write(tmp_path / f"in/{seed}.wav", melody(1.5, RATE, seed), RATE)
    sound = melody(1.5, RATE, 7)
    sf.write(tmp_path / "in/loud.wav", 3 * sound, RATE, "FLOAT")
    sf.write(tmp_path / "in/phase.wav", np.stack([sound[::-1], -sound[::-1]], 1), RATE)
    sf.write(tmp_path / "in/scale.wav", 20000 * sound, RATE, "FLOAT")
    spec = prepare(str(tmp_path / "out"), AudioOptions(inputs=(str(tmp_path / "in"),)))
    assert [(n.path, n.kind) for n in spec.noted] == [
        ("loud.wav", "clipped"),
        ("phase.wav", "cancelling"),
    ]
    assert [(d.path, d.reason) for d in spec.dropped] == [("scale.wav", "out_of_scale")]
    printed = capsys.readouterr().out
    assert "loud.wav: " in printed and "beyond full scale" in printed
    assert "phase.wav: its channels cancel" in printed
    dataset = Dataset.open(tmp_path / "out")
    (steps,) = (
        dataset.read(split, i)
        for split in SPLITS
        for i, source in enumerate(dataset.sources(split))
        if source.path == "phase.wav"
    )
    np.testing.assert_allclose(steps / 32768, sound[::-1], atol=1e-4)
