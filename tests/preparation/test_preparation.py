import contextlib
import functools
import json

import numpy as np
import pytest
import soundfile

from ada.audio import pcm16, read_audio
from ada.data import SPLITS, Dataset, DatasetError
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.preparation.runners import Interrupted, run_in_process
from ada.utils.errors import UserError

SMALL = {"record_steps": 4000}


def options_for(directory, **more):
    return AudioOptions(inputs=(str(directory),), **SMALL | more)


def sources_of(spec):
    return {s.name: s for split in SPLITS for s in spec.splits[split].sources}


@pytest.fixture
def music(tmp_path, write_audio):
    """Four files of all kinds in two folders."""
    write_audio(tmp_path / "in/a.wav", rate=44100, channels=2, seed=1)
    write_audio(tmp_path / "in/b.flac", rate=22050, seed=2, subtype="PCM_24")
    write_audio(tmp_path / "in/x/c.ogg", rate=48000, seed=3)
    write_audio(tmp_path / "in/x/d.aiff", rate=16000, channels=5, seed=4)
    return tmp_path / "in"


def test_holds_the_files_as_16_bit_pcm(music, tmp_path):
    spec = prepare(str(tmp_path / "out"), options_for(music))
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
            expected = pcm16(read_audio(music / source.name, 16000))
            np.testing.assert_array_equal(dataset.read(split, i), expected)
    assert set(found) == {"a.wav", "b.flac", "x/c.ogg", "x/d.aiff"}
    assert found["a.wav"].source_sample_rate == 44100 and found["a.wav"].channels == 2
    assert found["b.flac"].file_bytes == (music / "b.flac").stat().st_size
    assert spec.dropped == () and spec.cut == () and spec.kind == "audio"
    assert spec.preparation["decoded_secs"] == pytest.approx(8, abs=0.01)


def test_every_reason_is_counted(music, tmp_path, write_audio, capsys):
    write_audio(music / "bad/short.wav", 0.99)
    write_audio(music / "bad/silent.wav", gain=0.0)
    write_audio(music / "bad/nearly_silent.flac", gain=0.9e-4, subtype="PCM_24")
    write_audio(music / "bad/quiet.wav", gain=3e-4)
    (music / "bad/empty.wav").touch()
    soundfile.write(music / "bad/no_samples.wav", np.zeros(0), 16000)
    (music / "bad/text.wav").write_text("This is no sound. " * 100)
    whole = write_audio(music / "bad/truncated.wav").read_bytes()
    (music / "bad/truncated.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(music / "bad/nan.wav", np.full(32000, np.nan), 16000, subtype="FLOAT")
    (music / "bad/notes.txt").write_text("hello")
    (music / "bad/.DS_Store").touch()
    (music / "bad/broken.mp3").symlink_to(music / "nothing")
    spec = prepare(str(tmp_path / "out"), options_for(music))
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


def test_bad_region_is_cut_out_and_nothing_else(music, tmp_path, write_audio, capsys):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 48000)
    samples[16000:20000] = np.nan
    samples[30000] = np.inf
    soundfile.write(music / "holes.wav", samples, 16000, subtype="FLOAT")
    spec = prepare(str(tmp_path / "out"), options_for(music))
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


def test_maestro(music, tmp_path, capsys):
    csv = music / "maestro.csv"
    csv.write_text(
        "split,audio_filename\ntrain,a.wav\ntest,x/c.ogg\nvalidation,b.flac\ntrain,gone.wav\n"
    )
    spec = prepare(str(tmp_path / "out"), AudioOptions(maestro_csv=str(csv), **SMALL))
    names = {split: [s.name for s in spec.splits[split].sources] for split in SPLITS}
    assert names == {"train": ["a.wav"], "validation": ["b.flac"], "test": ["x/c.ogg"]}
    assert [(d.path, d.reason) for d in spec.dropped] == [("gone.wav", "missing")]
    assert "gone.wav: listed in" in capsys.readouterr().out
    # With patterns too, they select; what matches but is not listed is reported.
    both = options_for(music, maestro_csv=str(csv))
    spec = prepare(str(tmp_path / "both"), both)
    assert {s.name for s in sources_of(spec).values()} == {"a.wav", "b.flac", "x/c.ogg"}
    assert [(d.path, d.reason) for d in spec.dropped] == [("x/d.aiff", "not_in_csv")]


def test_maestro_with_an_empty_split(music, tmp_path):
    csv = music / "maestro.csv"
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


def test_run_again(music, tmp_path, files_of, write_audio, capsys):
    out = str(tmp_path / "out")
    first = prepare(out, options_for(music))
    before = files_of(out)
    capsys.readouterr()
    untouched = functools.partial(pytest.fail, "nothing should run")
    assert prepare(out, options_for(music), run_jobs=untouched) == first
    assert "is complete already; nothing to do" in capsys.readouterr().out
    write_audio(music / "new.wav")
    prepare(out, options_for(music), run_jobs=untouched)
    assert "1 files are new, 0 are gone" in capsys.readouterr().out
    (music / "new.wav").unlink()
    with pytest.raises(DatasetError, match="sample_rate is 16000 there, 8000 asked.*--overwrite"):
        prepare(out, options_for(music, sample_rate=8000))
    assert files_of(out) == before
    spec = prepare(out, options_for(music, sample_rate=8000), overwrite=True)
    assert spec.sample_rate == 8000 and Dataset.open(out).spec == spec
    prepare(out, options_for(music), overwrite=True)
    assert files_of(out) == before


def test_changed_file_is_done_again(music, tmp_path, write_audio):
    """After an interruption, parts of changed files and of other options are not reused."""
    done = []

    def first_two_then_stop(jobs):
        run_in_process([job for job in jobs if job.name in ("a.wav", "b.flac")])
        raise KeyboardInterrupt

    def watched(jobs):
        done.extend(job.name for job in jobs)
        run_in_process(jobs)

    out = str(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        prepare(out, options_for(music), run_jobs=first_two_then_stop)
    assert not Dataset.is_complete(out)
    write_audio(music / "b.flac", 3, seed=77)
    spec = prepare(out, options_for(music), run_jobs=watched)
    assert "b.flac" in done and len(done) == 3
    assert sources_of(spec)["b.flac"].num_steps == 48000


def test_number_of_threads_changes_nothing(music, tmp_path, files_of):
    found = []
    for threads in (1, 3):
        out = str(tmp_path / str(threads))
        run = functools.partial(run_in_process, num_threads=threads)
        prepare(out, options_for(music, num_shards=2), run_jobs=run)
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
def test_options_that_cannot_be(tmp_path, options, message):
    with pytest.raises(DatasetError, match=message):
        prepare(str(tmp_path / "out"), AudioOptions(**{"inputs": ("x",)} | options))


def test_output_that_is_a_file(music, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(DatasetError, match="is a file; name a directory"):
        prepare(str(tmp_path / "out"), options_for(music))


def test_foreign_dataset_json_is_not_replaced(music, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/dataset.json").write_text(json.dumps({"name": "mine"}))
    with pytest.raises(DatasetError, match="not the specification of an ada dataset"):
        prepare(str(tmp_path / "out"), options_for(music))
    assert json.loads((tmp_path / "out/dataset.json").read_text()) == {"name": "mine"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "name",
    ["dataset.json", "index.npz", "train-00003-of-00007.tfrecord", "test-00000-of-00001.tfrecord"],
)
def test_files_of_other_datasets_stay(name, overwrite, music, tmp_path):
    """Other programs call their shards so, too."""
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"name": "theirs"}')
    with pytest.raises(DatasetError):
        prepare(str(out), options_for(music), overwrite=overwrite)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == '{"name": "theirs"}'


def test_a_dataset_of_before_there_were_markers_is_replaced(music, tmp_path):
    prepare(str(tmp_path / "out"), options_for(music))
    (tmp_path / "out" / ".made_by_ada").unlink()
    prepare(str(tmp_path / "out"), options_for(music), overwrite=True)
    (tmp_path / "out" / "dataset.json").write_text("damaged")
    prepare(str(tmp_path / "out"), options_for(music), overwrite=True)
    assert Dataset.is_complete(tmp_path / "out")


def test_workers_may_have_other_directories_than_the_command(
    music, tmp_path, files_of, monkeypatch
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
def test_a_file_that_a_worker_does_not_see_is_an_error(lost, music, tmp_path, monkeypatch):
    """Not a file to be dropped, as one is that nobody can read."""
    monkeypatch.setattr("socket.gethostname", lambda: "node7")

    def where_it_is_missing(jobs):
        (music / lost).rename(tmp_path / "elsewhere")
        run_in_process(jobs)

    with pytest.raises(UserError, match=f"{lost} is there .*worker on node7 .*is the folder mount"):
        prepare(str(tmp_path / "out"), options_for(music), run_jobs=where_it_is_missing)
    (tmp_path / "elsewhere").rename(music / lost)
    (music / "broken.wav").symlink_to(tmp_path / "nowhere")
    spec = prepare(str(tmp_path / "out"), options_for(music))
    assert sources_of(spec).keys() == {"a.wav", "b.flac", "x/c.ogg", "x/d.aiff"}
    assert [d.path for d in spec.dropped] == ["broken.wav"]


def test_a_job_that_is_run_twice_or_late_removes_nothing(music, tmp_path, files_of):
    """As runners for several machines do; the other attempt ends while one is in the midst."""
    prepare(str(tmp_path / "here"), options_for(music))
    (music / "text.wav").write_text("no audio")

    def parts():
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in (tmp_path / "out/.parts").iterdir()
            if path.suffix in (".json", ".tfrecord")
        }

    def several_times(jobs):
        for job in jobs:
            kept = {}

            def other_attempt(job=job, kept=kept):
                job.run()
                kept.update(parts())
                raise Interrupted

            with contextlib.suppress(Interrupted):  # of what is no audio, nobody asks
                job.run(other_attempt)
            assert kept.items() <= parts().items()
            late = parts()
            job.run()
            assert parts() == late
            job.run(lambda: pytest.fail("it is complete"))

    spec = prepare(str(tmp_path / "out"), options_for(music), run_jobs=several_times)
    assert [d.path for d in spec.dropped] == ["text.wav"]
    found, expected = files_of(tmp_path / "out"), files_of(tmp_path / "here")
    assert {n: f for n, f in found.items() if n != "dataset.json"} == {
        n: f for n, f in expected.items() if n != "dataset.json"
    }
