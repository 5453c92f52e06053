"""The sampling command: every mode over a chain of three levels, and what it refuses."""

import base64
import io
import json
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from support import refuses, run, run_here, start

from ada.audio import loudness, write_wav
from ada.audio.fades import faded
from ada.generation import native
from ada.runs.run import Run

PAGES = ["sample.html", "sample.json", "share.html"]
WITH_KERNEL = pytest.mark.skipif(not native.AVAILABLE, reason="no kernel")


@pytest.fixture(scope="module")
def chain(chain_dirs):
    return chain_dirs[3]


@pytest.fixture(scope="module")
def sample(chain):
    """A function that runs the command over the chain, in this process or in one of its own."""

    def command(out, *flags, run_dirs=chain, run=run_here):
        flags = [f"--run_dirs={','.join(run_dirs)}", *flags]
        return run("ada.sample", f"--output_dir={out}", *flags)

    return command


def made(process, out):
    """What a command that succeeded left: its report and its ids by level."""
    assert process.returncode == 0, process.stderr
    with np.load(out / "codes.npz") as codes:
        return json.loads((out / "sample.json").read_text()), dict(codes)


@pytest.fixture(scope="module")
def first(sample, tmp_path_factory):
    """An earlier generation: its directory, report and ids."""
    out = tmp_path_factory.mktemp("samples") / "first"
    flags = ["--duration_secs=0.06", "--num_samples=2", "--seed=3", "--temperature=1,0.9,0.8"]
    return out, *made(sample(out, *flags, run=run), out)


@pytest.fixture(scope="module")
def wavs(tmp_path_factory):
    """Two prompts at another rate than the chain's 1000 Hz: 0.15 s and 0.1 s."""
    directory = tmp_path_factory.mktemp("prompts")
    tone = 0.5 * np.sin(np.arange(1200) / 20)
    write_wav(directory / "b.wav", tone, 8000)
    write_wav(directory / "a.wav", tone[:800], 8000)
    return directory


def test_continuing_an_earlier_generation_equals_a_longer_one(first, sample, tmp_path):
    directory, report, ids = first
    assert (report["mode"], report["given"]) == ("ancestral", {})
    assert [run["run_dir"] for run in report["runs"]] == report["run_dirs"]
    flags = ["--seed=3", "--temperature=1,0.9,0.8"]
    more, longer = tmp_path / "more", tmp_path / "longer"
    process = sample(
        more, "--mode=continue", f"--from_dir={directory}", "--duration_secs=0.04", *flags
    )
    report, more_ids = made(process, more)
    assert (report["mode"], report["duration_secs"]) == ("continue", 0.1)
    assert report["given"] == {"from_dir": str(directory)}
    process = sample(longer, "--duration_secs=0.1", "--num_samples=2", *flags)
    _, longer_ids = made(process, longer)
    assert set(more_ids) == set(longer_ids) == {"level0", "level1", "level2"}
    for level, expected in longer_ids.items():
        np.testing.assert_array_equal(more_ids[level], expected)
        steps = ids[level].shape[1]
        np.testing.assert_array_equal(more_ids[level][:, :steps], ids[level])
    for number in ("000", "001"):
        [ours], [theirs] = more.glob(f"*-{number}.wav"), longer.glob(f"*-{number}.wav")
        assert ours.read_bytes() == theirs.read_bytes()


def test_single_clips_go_on_alone(first, sample, tmp_path):
    """Clip 1 of an earlier generation, longer, is what it would be among all: by its number."""
    directory, _, _ = first
    flags = ["--seed=3", "--temperature=1,0.9,0.8"]
    more = [*flags, "--mode=continue", "--duration_secs=0.04"]
    all_clips, one, alone = (tmp_path / name for name in ("all", "one", "alone"))
    made(sample(all_clips, *more, f"--from_dir={directory}"), all_clips)
    report, ids = made(sample(one, *more, f"--from_dir={directory}", "--clips=1"), one)
    name = report["wavs"][0]
    assert (name, report["clips"]) == ("first-continued-seed3-001.wav", [1])
    assert ids["level0"].shape == (1, 100)
    wanted = (all_clips / name).read_bytes()
    assert (one / name).read_bytes() == wanted
    # Made alone at first, it goes on as what it is.
    made(sample(alone, *flags, "--duration_secs=0.06", "--clips=1"), alone)
    longer = tmp_path / "longer"
    process = sample(longer, *more, f"--from_dir={alone}")
    made(process, longer)
    assert process.stderr.count("other settings") == 0
    assert (longer / name.replace("first", "alone")).read_bytes() == wanted
    process = sample(longer, *more, f"--from_dir={alone}", "--overwrite", "--seed=4")
    assert "alone was made with other settings (seed, draws): continuing, but not" in process.stderr


@pytest.mark.parametrize("source", ["--from_dir={}", "--codes={}/codes.npz"])
def test_own_codes_give_the_same_audio(source, first, sample, chain, tmp_path):
    directory, report, ids = first
    flags = ["--mode=upsample", source.format(directory), "--seed=3", "--temperature=0.9,0.8"]
    process = sample(tmp_path, *flags, run_dirs=chain[1:])
    _, again = made(process, tmp_path)
    np.testing.assert_array_equal(again["level2"], ids["level2"])
    steps = ids["level0"].shape[1]
    np.testing.assert_array_equal(again["level0"][:, :steps], ids["level0"])
    if "from_dir" in source:
        for name in report["wavs"]:
            [again] = tmp_path.glob(f"*{name[-8:]}")
            assert again.read_bytes() == (directory / name).read_bytes()
    else:
        assert again["level0"].shape[1] == ids["level2"].shape[1] * 16


def test_primed_clips_begin_with_their_prompts_in_the_order_given(sample, chain, wavs, tmp_path):
    prompts = f"{wavs}/b.wav,{wavs}/a.wav"
    flags = ["--mode=primed", f"--prompt_audio={prompts}", "--prompt_secs=0.12"]
    process = sample(tmp_path, *flags, "--duration_secs=0.2", "--num_samples=3")
    report, ids = made(process, tmp_path)
    assert list(report["given"]["prompt_audio"].values()) == [0.12, 0.1]
    assert len(report["wavs"]) == 3
    np.testing.assert_array_equal(ids["level0"][0, :120], ids["level0"][2, :120])
    # The ends of files are not resampled alike.
    np.testing.assert_array_equal(ids["level0"][0, :80], ids["level0"][1, :80])
    decoded = np.asarray(Run.open(chain[-1]).info.ids_to_audio(ids["level0"][1]))
    assert [name.split("-varied")[0] for name in report["wavs"]] == ["b", "a", "b"]
    audio, rate = soundfile.read(tmp_path / report["wavs"][1], dtype="float32")
    assert rate == 1000
    assert np.abs(audio - faded(decoded, 1000)).max() < 1e-4
    assert np.abs(audio - decoded)[5:-5].max() < 1e-4


def test_audio_is_continued_and_reconstructed(sample, wavs, tmp_path):
    prompt = f"--prompt_audio={wavs}/b.wav"
    process = sample(tmp_path, "--mode=continue", prompt, "--duration_secs=0.05")
    report, continued = made(process, tmp_path)
    assert (len(report["wavs"]), report["duration_secs"]) == (1, 0.2)
    # Into the same directory: if that is what is wanted.
    process = sample(tmp_path, "--mode=upsample", prompt)
    assert process.returncode == 1
    assert "clips of another command (mode continue, not upsample): " in process.stderr
    process = sample(tmp_path, "--mode=upsample", prompt, "--overwrite")
    assert "Replacing clips of another command" in process.stderr
    report, ids = made(process, tmp_path)
    assert report["duration_secs"] == 0.15
    assert len(report["runs"]) == 2
    known = (ids["level2"] == continued["level2"][:, : ids["level2"].shape[1]])[0]
    assert known[: ((150 - 6) // 4 - 6) // 4].all()


def test_killed_at_any_moment_it_goes_on(sample, tmp_path):
    """SIGKILL four times; then the same files as of a command that nobody killed."""
    flags = ["--duration_secs=60", "--num_samples=3", "--seed=3", "--temperature=1,0.9,0.8"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    report, ids = made(sample(whole, *flags), whole)
    wav = killed / report["wavs"][0]
    for bytes_ in (100, 10_000, 40_000, 90_000):
        with sample(killed, *flags, run=start) as process:
            while not (wav.exists() and wav.stat().st_size > bytes_):
                assert process.poll() is None
                time.sleep(0.001)
        # What there is can be listened to.
        part, _ = soundfile.read(wav, dtype="int16")
        expected, _ = soundfile.read(whole / wav.name, dtype="int16")
        # The header may be a block of 512 behind.
        assert bytes_ / 2 - 600 < len(part) <= len(expected)
        np.testing.assert_array_equal(part, expected[: len(part)])
    process = sample(killed, *flags)
    assert "Resuming:" in process.stdout
    assert 0.0 < float(re.search(r"Resuming: ([0-9.]+) of 180.0 s", process.stdout)[1]) < 180.0
    again, again_ids = made(process, killed)
    for level, expected in ids.items():
        np.testing.assert_array_equal(again_ids[level], expected)
    for name in report["wavs"]:
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert again["bits_of_what_was_drawn"] == report["bits_of_what_was_drawn"]
    assert sorted(p.name for p in killed.iterdir()) == sorted(p.name for p in whole.iterdir())
    process = sample(killed, *flags)
    assert "holds these clips already" in process.stdout


@pytest.mark.long
def test_memory_does_not_grow_with_the_duration(chain, tmp_path):
    """Ten seconds, then ten minutes: 20 MB more at most, where to keep all would take 40."""
    args = [f"--run_dirs={','.join(chain)}", f"--output_dir={tmp_path}"]
    command = [sys.executable, "-c", PEAKS, *args]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    _, before, after = map(int, re.findall(r"peak (\d+)", process.stdout))
    assert soundfile.info(next((tmp_path / "long").glob("*-003.wav"))).duration == 600.0
    assert after - before < 20_000


# Runs the command again and again; says how many kB it needed by then.
PEAKS = """
import resource, runpy, sys
*args, out = sys.argv[1:]
for name, secs in (("first", 10), ("second", 10), ("long", 600)):
    sys.argv = ["ada.sample", *args, f"{out}/{name}", f"--duration_secs={secs}"]
    try:
        runpy.run_module("ada.sample", run_name="__main__", alter_sys=True)
    except SystemExit as done:
        assert not done.code, done.code
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--mode=primed"], 2, "--mode=primed needs --prompt_audio"),
        (["--mode=continue"], 2, "needs --prompt_audio or --from_dir"),
        (
            ["--prompt_audio={wavs}/a.wav"],
            2,
            "--mode=primed, continue, upsample, not for ancestral",
        ),
        (["--mode=continue", "--from_dir=x", "--prompt_audio=y"], 2, "one of them"),
        (["--mode=upsample", "--codes=x", "--prompt_secs=1"], 2, "--prompt_secs goes with"),
        (["--clips=1,x"], 2, "--clips: 1,x are not numbers"),
        (["--clips=1", "--num_samples=2"], 2, "--clips or --num_samples, not both"),
        pytest.param(["--weights=bfloat16"], 1, "in multiples of 32", marks=WITH_KERNEL),
        (["--temperature=nan"], 2, "--temperature=nan: nan is out of range"),
        (["--duration_secs=0.0001"], 2, "is not a number in the range [0.001, "),
        (["--weights=bfloat16", "--backend=xla"], 1, "xla is not: sample with float32"),
        (["--mode=continue", "--from_dir={tmp}"], 2, "is where the input is"),
        (["--mode=continue", "--from_dir={wavs}"], 1, "holds no results of ada.sample"),
        (["--mode=primed", "--prompt_audio={wavs}/nothing.wav"], 1, "No file matches"),
        (["--mode=primed", "--prompt_audio=setup.py"], 1, "is not audio"),
        (
            ["--mode=primed", "--prompt_audio={wavs}/b.wav", "--duration_secs=0.1"],
            2,
            "b.wav lasts 0.15 s, more than --duration_secs=0.1",
        ),
    ],
)
def test_sample_rejects_invalid_requests_in_one_line(flags, code, message, chain, wavs, tmp_path):
    flags = [flag.format(wavs=wavs, tmp=tmp_path) for flag in flags]
    flags += [f"--run_dirs={','.join(chain)}", f"--output_dir={tmp_path}"]
    refuses("ada.sample", *flags, code=code, said=message)
    assert {p.name for p in tmp_path.iterdir()} <= {".lock"}


def test_the_old_name_of_batch_size_works(sample, chain_dirs, tmp_path):
    flags = ["--duration_secs=0.05", "--num_samples=2", "--backend=graph", "--seed=1"]
    results = {}
    for name in ("lanes", "batch_size"):
        process = sample(tmp_path / name, *flags, f"--{name}=2", run_dirs=chain_dirs[1])
        results[name] = made(process, tmp_path / name)
        noticed = "--lanes is now called --batch_size" in process.stderr
        assert noticed == (name == "lanes")
    (old, old_ids), (new, new_ids) = results["lanes"], results["batch_size"]
    assert old["lanes"] == new["lanes"] == 2
    np.testing.assert_array_equal(old_ids["level0"], new_ids["level0"])
    refuses("ada.sample", "--lanes=0", code=2, said="--batch_size=0")


def test_a_page_holds_the_clips_and_the_command(first):
    """Its players hold what the WAV files do."""
    directory, report, _ = first
    html = (directory / "sample.html").read_text()
    players = re.findall(r'<audio [^>]*src="data:audio/wav;base64,([^"]+)"', html)
    for player, name in zip(players, report["wavs"], strict=True):
        sound, rate = soundfile.read(io.BytesIO(base64.b64decode(player)), dtype="int16")
        expected, expected_rate = soundfile.read(directory / name, dtype="int16")
        assert rate == expected_rate
        np.testing.assert_array_equal(sound, expected)
    assert re.search(r"<code>python -m ada\.sample .*--seed=3.*</code>", html)
    assert "temperature" in html and "higher is better" in html


def test_seeds_differ_unless_they_are_given(sample, tmp_path):
    flags = ["--duration_secs=0.05", "--num_samples=1"]
    seeds = []
    for name in "ab":
        process = sample(tmp_path / name, *flags)
        report, ids = made(process, tmp_path / name)
        seeds.append(report["seed"])
        assert f"Seed {report['seed']}:" in process.stdout
    assert seeds[0] != seeds[1]
    # The command of the page makes the same again.
    command = re.search(r"<code>(.*)</code>", (tmp_path / "b" / "sample.html").read_text())[1]
    again = run_here(*shlex.split(command)[2:], f"--output_dir={tmp_path / 'again'}")
    _, again_ids = made(again, tmp_path / "again")
    for level, expected in ids.items():
        np.testing.assert_array_equal(again_ids[level], expected)
    [name] = report["wavs"]
    assert name == f"{report['run_dirs'][0].rsplit('/')[-1]}-new-seed{seeds[1]}.wav"
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    # What is there stays; or others are made.
    assert f"already, of seed {seeds[1]}" in sample(tmp_path / "b", *flags).stdout
    report, _ = made(sample(tmp_path / "b", *flags, "--overwrite"), tmp_path / "b")
    assert report["seed"] not in seeds
    assert [path.name for path in (tmp_path / "b").glob("*.wav")] == report["wavs"]


def test_continuing_clips_takes_their_seed(first, sample, tmp_path):
    flags = ["--mode=continue", f"--from_dir={first[0]}", "--temperature=1,0.9,0.8"]
    process = sample(tmp_path / "out", *flags, "--duration_secs=0.04")
    report, _ = made(process, tmp_path / "out")
    assert report["seed"] == 3
    assert "other settings" not in process.stderr


@pytest.mark.parametrize("form", ["flac", "mp3", "wav"])
def test_clips_of_any_format_and_of_one_loudness(form, first, sample, tmp_path):
    directory, report, _ = first
    flags = ["--duration_secs=0.6", "--num_samples=2", "--seed=3", "--normalize", "--share"]
    process = sample(tmp_path / "out", *flags, f"--format={form}")
    report, _ = made(process, tmp_path / "out")
    there = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert there == [".lock", "codes.npz", *sorted(report["wavs"]), *PAGES]
    for name in report["wavs"]:
        audio, rate = soundfile.read(tmp_path / "out" / name)
        level = loudness.measure(audio, rate)
        assert level.lufs == pytest.approx(-23, abs=0.5)
    assert (
        "holds these clips already" in sample(tmp_path / "out", *flags, f"--format={form}").stdout
    )
    html = (tmp_path / "out" / "share.html").read_text()
    assert html.count("data:audio/mpeg;base64,") == 2 and "data:audio/wav" not in html
    assert str(tmp_path) not in html
