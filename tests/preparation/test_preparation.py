import functools

import numpy as np
import pytest
import soundfile
from dataset_support import SMALL, options_for, sources_of

from ada.audio import pcm16, read_audio
from ada.data import SPLITS, Dataset, DatasetError
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.preparation.runners import run_in_process
from ada.utils.errors import UserError


def test_holds_the_files_as_16_bit_pcm(four_files, tmp_path):
    spec = prepare(str(tmp_path / "out"), options_for(four_files))
    dataset = Dataset.open(tmp_path / "out")
    assert dataset.spec == spec
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        ".made_by_ada",
        "dataset.json",
        "index.npz",
        *(f"{split}-00000-of-00001.tfrecord" for split in sorted(SPLITS)),
    ]
    found = {}
    for split in SPLITS:
        for i, source in enumerate(dataset.sources(split)):
            found[source.name] = source
            expected = pcm16(read_audio(four_files / source.name, 16000))
            np.testing.assert_array_equal(dataset.read(split, i), expected)
    assert set(found) == {"a.wav", "b.flac", "x/c.ogg", "x/d.aiff"}
    assert found["a.wav"].source_sample_rate == 44100 and found["a.wav"].channels == 2
    assert found["b.flac"].file_bytes == (four_files / "b.flac").stat().st_size
    assert spec.dropped == () and spec.cut == () and spec.kind == "audio"
    assert spec.preparation["decoded_secs"] == pytest.approx(8, abs=0.01)


def test_every_reason_is_counted(four_files, tmp_path, write_audio, capsys):
    write_audio(four_files / "bad/short.wav", 0.99)
    write_audio(four_files / "bad/silent.wav", gain=0.0)
    write_audio(four_files / "bad/nearly_silent.flac", gain=0.9e-4, subtype="PCM_24")
    write_audio(four_files / "bad/quiet.wav", gain=3e-4)
    (four_files / "bad/empty.wav").touch()
    soundfile.write(four_files / "bad/no_samples.wav", np.zeros(0), 16000)
    (four_files / "bad/text.wav").write_text("This is no sound. " * 100)
    whole = write_audio(four_files / "bad/truncated.wav").read_bytes()
    (four_files / "bad/truncated.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(four_files / "bad/nan.wav", np.full(32000, np.nan), 16000, subtype="FLOAT")
    (four_files / "bad/notes.txt").write_text("hello")
    (four_files / "bad/.DS_Store").touch()
    (four_files / "bad/broken.mp3").symlink_to(four_files / "nothing")
    spec = prepare(str(tmp_path / "out"), options_for(four_files))
    assert {d.path.removeprefix("bad/"): d.reason for d in spec.dropped} == {
        "short.wav": "too_short",
        "silent.wav": "silent",
        "nearly_silent.flac": "silent",
        "empty.wav": "empty",
        "no_samples.wav": "empty",
        "text.wav": "not_audio",
        "truncated.wav": "truncated",
        "nan.wav": "not_finite",
        "notes.txt": "not_audio",
        ".DS_Store": "not_audio",
        "broken.mp3": "unreadable",
    }
    assert set(sources_of(spec)) == {"a.wav", "b.flac", "x/c.ogg", "x/d.aiff", "bad/quiet.wav"}
    assert {d.secs for d in spec.dropped if d.reason == "silent"} == {2.0}
    printed = capsys.readouterr().out
    assert ["too_short", "1", "0.0003"] in [line.split() for line in printed.splitlines()]
    assert "bad/truncated.wav: " in printed
    assert "times real time" in printed


def test_bad_region_is_cut_out_and_nothing_else(four_files, tmp_path, write_audio, capsys):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 48000)
    samples[16000:20000] = np.nan
    samples[30000] = np.inf
    soundfile.write(four_files / "holes.wav", samples, 16000, subtype="FLOAT")
    spec = prepare(str(tmp_path / "out"), options_for(four_files))
    dataset = Dataset.open(tmp_path / "out")
    pieces = {}
    for split in SPLITS:
        for i, source in enumerate(dataset.sources(split)):
            if source.path == "holes.wav":
                pieces[source.name] = (split, source.segment, dataset.read(split, i))
    expected = [samples[:16000], samples[20000:30000], samples[30001:]]
    assert list(pieces) == ["holes.wav", "holes.wav#1", "holes.wav#2"]
    assert len({split for split, _, _ in pieces.values()}) == 1
    for i, (_, segment, steps) in enumerate(pieces.values()):
        assert segment == i
        np.testing.assert_array_equal(steps, pcm16(expected[i].astype(np.float32)))
    assert [(c.path, round(c.secs, 4)) for c in spec.cut] == [("holes.wav", 0.2501)]
    assert "0.250 s of NaN or Inf in 1 files" in capsys.readouterr().out


@pytest.mark.parametrize("num_files", [1, 2, 3, 4, 10])
def test_splits_are_never_empty(tmp_path, write_audio, num_files, capsys):
    for i in range(num_files):
        write_audio(tmp_path / f"in/{i}.wav", 2, seed=i)
    spec = prepare(str(tmp_path / "out"), options_for(tmp_path / "in"))
    dataset = Dataset.open(tmp_path / "out")
    steps = {split: dataset.num_steps(split) for split in SPLITS}
    assert min(steps.values()) > 0
    if num_files >= 3:
        assert sum(steps.values()) == num_files * 32000
        assert len(sources_of(spec)) == num_files
        return
    assert sum(steps.values()) == num_files * 32000 - 2 * 4000
    assert f"only {num_files} different file" in spec.split_method
    assert "by time" in capsys.readouterr().out
    for split in SPLITS:
        for i, source in enumerate(dataset.sources(split)):
            whole = pcm16(read_audio(tmp_path / "in" / source.path, 16000))
            there = whole[source.first_step : source.first_step + source.num_steps]
            np.testing.assert_array_equal(dataset.read(split, i), there)
            np.testing.assert_array_equal(dataset.read(split, i, 1, 99), there[1:100])


def test_too_little_for_three_splits(tmp_path, write_audio):
    write_audio(tmp_path / "in/a.wav", 1.2)
    with pytest.raises(DatasetError, match="at least 5 records; there are 2"):
        prepare(str(tmp_path / "out"), AudioOptions(inputs=(str(tmp_path / "in"),)))


def test_copies_of_a_file_stay_in_one_split(tmp_path, write_audio):
    for i in range(12):
        write_audio(tmp_path / f"in/{i}.wav", 1, seed=i)
        (tmp_path / f"in/copy{i}.wav").write_bytes((tmp_path / f"in/{i}.wav").read_bytes())
    spec = prepare(str(tmp_path / "out"), options_for(tmp_path / "in"))
    for split in SPLITS:
        names = {s.name for s in spec.splits[split].sources}
        assert {n.replace("copy", "") for n in names if "copy" in n} == {
            n for n in names if "copy" not in n
        }


def test_maestro(four_files, tmp_path, capsys):
    csv = four_files / "maestro.csv"
    csv.write_text(
        "split,audio_filename\ntrain,a.wav\ntest,x/c.ogg\nvalidation,b.flac\ntrain,gone.wav\n"
    )
    spec = prepare(str(tmp_path / "out"), AudioOptions(maestro_csv=str(csv), **SMALL))
    names = {split: [s.name for s in spec.splits[split].sources] for split in SPLITS}
    assert names == {"train": ["a.wav"], "validation": ["b.flac"], "test": ["x/c.ogg"]}
    assert [(d.path, d.reason) for d in spec.dropped] == [("gone.wav", "missing")]
    assert "gone.wav: listed in" in capsys.readouterr().out
    # With patterns too, they select; what matches but is not listed is reported.
    both = options_for(four_files, maestro_csv=str(csv))
    spec = prepare(str(tmp_path / "both"), both)
    assert {s.name for s in sources_of(spec).values()} == {"a.wav", "b.flac", "x/c.ogg"}
    assert [(d.path, d.reason) for d in spec.dropped] == [("x/d.aiff", "not_in_csv")]


def test_maestro_with_an_empty_split(four_files, tmp_path):
    csv = four_files / "maestro.csv"
    csv.write_text("split,audio_filename\ntrain,a.wav\ntrain,b.flac\ntest,x/c.ogg\n")
    with pytest.raises(DatasetError, match="leaves the validation split without any usable file"):
        prepare(str(tmp_path / "out"), AudioOptions(maestro_csv=str(csv), **SMALL))
    assert not Dataset.is_complete(tmp_path / "out")


def test_nothing_left(tmp_path, write_audio):
    write_audio(tmp_path / "in/short.wav", 0.5)
    write_audio(tmp_path / "in/short2.wav", 0.5)
    (tmp_path / "in/text.mp3").write_text("no")
    with pytest.raises(DatasetError) as error:
        prepare(str(tmp_path / "out"), options_for(tmp_path / "in"))
    message = str(error.value)
    assert message.startswith("No usable audio among 3 files: 2 too short, 1 not audio.")
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "out/dataset.json").exists()


def test_number_of_threads_changes_nothing(four_files, tmp_path, files_of):
    found = []
    for threads in (1, 3):
        out = str(tmp_path / str(threads))
        run = functools.partial(run_in_process, num_threads=threads)
        prepare(out, options_for(four_files, num_shards=2), run_jobs=run)
        found.append(files_of(out))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 0}, "sample_rate must be at least 1 and at most 1048576, got 0"),
        ({"min_secs": -1.0}, "min_secs must not be negative"),
        ({"validation_fraction": 0.0}, "validation_fraction must lie between 0 and 1"),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "leave nothing to train on"),
        ({"inputs": ()}, "There is no input"),
    ],
)
def test_invalid_options_are_refused(tmp_path, options, message):
    with pytest.raises(DatasetError, match=message):
        prepare(str(tmp_path / "out"), AudioOptions(**{"inputs": ("x",)} | options))


def test_output_that_is_a_file(four_files, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(DatasetError, match="is a file; name a directory"):
        prepare(str(tmp_path / "out"), options_for(four_files))


def test_workers_may_have_other_directories_than_the_command(
    four_files, tmp_path, files_of, monkeypatch
):
    """As they have on other machines: all that a job names is absolute."""
    (tmp_path / "in/list.csv").write_text(
        "audio_filename,split\na.wav,train\nb.flac,test\nx/c.ogg,validation\n"
    )
    (tmp_path / "worker").mkdir()

    def elsewhere(jobs):
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path / "worker")
            run_in_process(jobs)

    monkeypatch.chdir(tmp_path)
    prepare("here", options_for("in"))
    prepare("out", options_for("in"), run_jobs=elsewhere)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "here")
    of_csv = AudioOptions(maestro_csv="in/list.csv", **SMALL)
    spec = prepare("csv", of_csv, run_jobs=elsewhere)
    assert sources_of(spec).keys() == {"a.wav", "b.flac", "x/c.ogg"}
    assert not list((tmp_path / "worker").iterdir())


@pytest.mark.parametrize("lost", ["b.flac", "x/d.aiff"])
def test_a_file_that_a_worker_does_not_see_is_an_error(lost, four_files, tmp_path, monkeypatch):
    """Not a file to be dropped, as one is that nobody can read."""
    monkeypatch.setattr("socket.gethostname", lambda: "node7")

    def where_it_is_missing(jobs):
        (four_files / lost).rename(tmp_path / "elsewhere")
        run_in_process(jobs)

    with pytest.raises(UserError, match=f"{lost} is there .*worker on node7 .*is the folder mount"):
        prepare(str(tmp_path / "out"), options_for(four_files), run_jobs=where_it_is_missing)
    (tmp_path / "elsewhere").rename(four_files / lost)
    (four_files / "broken.wav").symlink_to(tmp_path / "nowhere")
    spec = prepare(str(tmp_path / "out"), options_for(four_files))
    assert sources_of(spec).keys() == {"a.wav", "b.flac", "x/c.ogg", "x/d.aiff"}
    assert [d.path for d in spec.dropped] == ["broken.wav"]
