"""Offsets of codes as a setting of a system: which stages depend on it, and what is refused."""

from pathlib import Path

import pytest

from ada.config.bindings import load_system
from ada.data import Dataset
from ada.systems import stages
from ada.systems.stages import Stages
from ada.systems.system import System, _train_levels, prepared, run_system
from ada.utils.errors import UserError

LEVELS = load_system("gin/systems/vqvae_amae.gin")


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A function that trains the levels of a system, as it were; returns the commands run."""

    def trained(num_offsets, init_from=None):
        found = []

        def run(command):
            found.append([*command])
            flags = dict(flag.lstrip("-").split("=", 1) for flag in command[1:] if "=" in flag)
            output = Path(flags.get("output_dir", flags["run_dir"]))
            output.mkdir(exist_ok=True)
            for name in ("dataset.json", "run.json"):
                (output / name).touch()
            return 0

        monkeypatch.setattr(stages, "run_command", run)
        monkeypatch.setattr("ada.systems.system._set_aside", lambda *where: None)
        system = System(LEVELS, num_offsets=num_offsets, init_from=init_from)
        _train_levels(system, Stages(tmp_path), dict.fromkeys(LEVELS, []), "data")
        return found

    return trained


def test_another_number_of_offsets_makes_codes_and_what_follows_again(commands):
    once = commands(1)
    order = ["ada.train", "ada.extract_codes"] * 2 + ["ada.train"]
    assert [command[0] for command in once] == order
    # The commands are those of systems that know nothing of offsets: what was done stays done.
    assert not any("--num_offsets" in flag for command in once for flag in command)
    assert commands(1) == []
    more = commands(2)
    assert [command[0] for command in more] == order[1:]
    assert [command for command in more if "--num_offsets=2" in command] == [more[0], more[2]]
    assert commands(2) == []
    assert len(commands(1)) == len(commands(4)) == 4


def test_levels_start_from_runs_of_their_name(commands, tmp_path):
    other = tmp_path / "other"
    (other / LEVELS[1]).mkdir(parents=True)
    (other / LEVELS[1] / "run.json").touch()
    trained = [command for command in commands(1, str(other)) if command[0] == "ada.train"]
    found = [[flag for flag in command if "--init_from" in flag] for command in trained]
    assert found == [[], [f"--init_from={other}/{LEVELS[1]}"], []]


@pytest.mark.parametrize(
    ("system", "num_offsets", "message"),
    [
        ("hop8_vqvae", 9, "within a hop of 8 there are 1 to 8 offsets"),
        ("thin_wavenet", 2, "the system trains nothing on codes"),
    ],
)
def test_offsets_that_there_are_not_are_refused_first(system, num_offsets, message, tmp_path):
    levels = load_system(f"gin/systems/{system}.gin")
    with pytest.raises(UserError, match=message):
        run_system(System(levels, num_offsets=num_offsets), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_table_says_which_files_are_in_which_split(music, tmp_path):
    names = sorted(path.name for path in music.glob("*.wav"))
    rows = zip(names, ("test", "train", "validation"), strict=True)
    table = music / "splits.csv"
    table.write_text("audio_filename,split\n" + "".join(f"{n},{s}\n" for n, s in rows))
    directory = prepared(System(LEVELS, maestro_csv=str(table)), Stages(tmp_path))
    table.unlink()
    [source] = Dataset.open(directory).sources("test")
    assert source.name == names[0]
