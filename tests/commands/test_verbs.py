"""`ada VERB`: every command has a verb, and gets its arguments."""

from pathlib import Path

from support import run_here

import ada
from ada.cli.verbs import EXAMPLES, VERBS


def test_every_command_has_a_verb():
    package = Path(ada.__file__).parent
    commands = [
        f"ada.{path.stem}" for path in package.glob("*.py") if "commands.run(" in path.read_text()
    ]
    assert sorted(module for module, _ in VERBS.values()) == sorted(commands)


def test_alone_it_says_what_one_can_do():
    for arguments in ([], ["--help"]):
        process = run_here("ada", *arguments)
        assert process.returncode == 0
        assert all(verb in process.stdout for verb in VERBS)
        assert all(example in process.stdout for example in EXAMPLES)


def test_flags_reach_the_command():
    process = run_here("ada", "describe", "--gin_file=gin/tiny.gin", "--gin_file=gin/nowhere.gin")
    assert process.returncode == 1
    assert "nowhere.gin" in process.stderr
    process = run_here("ada", "train", "--no_such_flag")
    assert process.returncode == 2
    assert "no_such_flag" in process.stderr


def test_examples_have_flags_that_exist():
    for example in EXAMPLES:
        _, verb, *arguments = example.replace("\\\n", " ").split()
        text = run_here("ada", verb, "--help").stdout.replace("[no]", "")
        for flag in filter(lambda argument: argument.startswith("--"), arguments):
            assert f"{flag.split('=')[0]}:" in text, flag


def test_a_verb_that_is_not_there():
    process = run_here("ada", "sampel")
    assert process.returncode == 2
    assert process.stderr == (
        "Wrong usage: there is no verb 'sampel'. Did you mean sample? `ada` lists them.\n"
    )
