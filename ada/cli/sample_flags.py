"""The request that the flags of `ada.sample` describe."""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from ada.utils.errors import UsageError, UserError

if TYPE_CHECKING:
    import numpy as np

    from ada.generation import Request
    from ada.runs.chain import Chain

FLAGS = flags.FLAGS
# Flags of the inputs of each mode, of which one is given.
SOURCES = {
    "ancestral": (),
    "primed": ("prompt_audio",),
    "continue": ("prompt_audio", "from_dir"),
    "upsample": ("codes", "from_dir", "prompt_audio"),
}
DURATION_SECS, NUM_SAMPLES = 5.0, 4


def source_flag() -> str | None:
    """The name of the flag that says what a mode starts from; raises UsageError if it cannot be."""
    possible = SOURCES[FLAGS.mode]
    given = [name for name in ("prompt_audio", "from_dir", "codes") if FLAGS[name].value]
    for name in given:
        if name not in possible:
            modes = ", ".join(mode for mode, names in SOURCES.items() if name in names)
            raise UsageError(f"--{name} is for --mode={modes}, not for {FLAGS.mode}")
    if len(given) > 1 or (possible and not given):
        names = " or ".join(f"--{name}" for name in possible)
        one = "" if len(possible) == 1 else ", one of them"
        raise UsageError(f"--mode={FLAGS.mode} needs {names}{one}")
    if FLAGS.prompt_secs and given != ["prompt_audio"]:
        raise UsageError("--prompt_secs goes with --prompt_audio")
    return given[0] if given else None


def check_source(source: str | None, out: Path) -> None:
    """Checks that the input of a mode exists and would not be overwritten.

    Args:
      source: the name of its flag (`source_flag`).
      out: the directory to write.

    Raises:
      UserError: naming it.
    """
    from ada.generation.results import Results
    from ada.utils.files import require_local

    if source == "codes":
        refuse_own_output(Path(FLAGS.codes).parent, out)
        if not Path(FLAGS.codes).exists():
            raise UserError(f"--codes: there is no {FLAGS.codes}.")
    elif source == "from_dir":
        refuse_own_output(Path(FLAGS.from_dir), out)
        Results.load(FLAGS.from_dir)
    elif source == "prompt_audio":
        for path in FLAGS.prompt_audio:
            require_local(path)
        for path in _prompt_paths():
            refuse_own_output(Path(path).parent, out)


def clip_indices(default: Iterable[int]) -> list[int]:
    """The indices of --clips or --num_samples, or those they are by default."""
    if FLAGS.clips is None:
        return list(range(FLAGS.num_samples) if FLAGS.num_samples else default)
    if FLAGS.num_samples:
        raise UsageError("give --clips or --num_samples, not both")
    if not FLAGS.clips or not all(index.isdecimal() for index in FLAGS.clips):
        raise UsageError(f"--clips: {','.join(FLAGS.clips)} are not numbers, such as 3,7")
    numbers = sorted(set(map(int, FLAGS.clips)))
    if numbers[-1] >= 2**31:
        raise UsageError(f"--clips: {numbers[-1]} is more than 2147483647")
    return numbers


def rows_of(indices: list[int], there: list[int]) -> list[int]:
    """Rows of clips among earlier clips with these indices; new indices take the rows in turn."""
    places = {index: row for row, index in enumerate(there)}
    return [places.get(index, index % len(there)) for index in indices]


def make_request(chain: "Chain", source: str | None) -> tuple["Request", dict[str, Any]]:
    """The request, and its inputs as `sample.json` records them."""
    from ada.generation import Results, load_codes, modes

    secs = FLAGS.duration_secs or DURATION_SECS
    if source is None:
        return modes.ancestral(chain, clip_indices(range(NUM_SAMPLES)), secs), {}
    # With upsample, the length is that of what is given unless the user says otherwise.
    steps = FLAGS.duration_secs and round(FLAGS.duration_secs * modes.sample_rate(chain))
    if source == "prompt_audio":
        prompts = read_prompts(chain)
        given = {"prompt_audio": {n: len(p) / modes.sample_rate(chain) for n, p in prompts.items()}}
        if FLAGS.mode == "primed":
            return modes.primed(chain, prompts, clip_indices(range(NUM_SAMPLES)), secs), given
        indices = clip_indices(range(len(prompts)))
        if FLAGS.mode == "continue":
            return modes.continued(chain, prompts, indices, secs), given
        return modes.upsampled_audio(chain, prompts, indices, steps), given
    given = {source: FLAGS[source].value}
    if FLAGS.mode == "upsample":
        decoders = modes.decoders_of(chain)
        level = len(decoders.runs)
        if source == "codes":
            codes = load_codes(FLAGS.codes, level)
            there = list(range(len(codes)))
        else:
            results = Results.load(FLAGS.from_dir)
            results.require_same_decoder(decoders)
            codes, there = results.codes(level), results.clips
            steps = steps or results.codes(0).shape[1]
        indices = clip_indices(there)
        return modes.upsampled(chain, codes[rows_of(indices, there)], indices, steps), given
    results = Results.load(FLAGS.from_dir)
    results.require_same_runs(chain)
    indices = clip_indices(results.clips)
    rows = rows_of(indices, results.clips)
    ids = [results.codes(level)[rows] for level in reversed(range(len(chain.runs)))]
    return modes.continued_ids(chain, ids, indices, secs), given


def choose_seed(out: Path, settings_with: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """The settings of a generation, with the seed that the flags ask for.

    Without --seed it is that of what is to be continued or resumed, or of what is there and is not
    to be replaced; else a random one.

    Args:
      out: the directory to write.
      settings_with: the settings (`clips.settings_of`) with a seed.
    """
    from ada.generation.recording import COMMAND, UNFINISHED
    from ada.generation.results import REPORT, differing, read_report

    if FLAGS.seed is not None:
        return settings_with(FLAGS.seed)
    if FLAGS.mode == "continue" and FLAGS.from_dir:
        return settings_with(read_report(Path(FLAGS.from_dir) / REPORT).get("seed", 0))
    there = [out / UNFINISHED / COMMAND, *([] if FLAGS.overwrite else [out / REPORT])]
    for report in filter(None, map(read_report, there)):
        if isinstance(report.get("seed"), int):
            settings = settings_with(report["seed"])
            if not FLAGS.overwrite or not differing(report, settings):
                return settings
    return settings_with(secrets.randbelow(10**6))


def warn_of_other_draws(settings: dict[str, Any]) -> None:
    """Warns where an earlier generation is continued with other values than it was made with."""
    from ada.generation.results import REPORT, differing, read_report
    from ada.utils import log

    before = read_report(Path(FLAGS.from_dir) / REPORT)
    names = ("seed", "draws", "backend", "weights", "drawing_version")
    other = differing(before, {name: settings[name] for name in names if name in before})
    if other:
        log.warning(
            f"{FLAGS.from_dir} was made with other settings ({', '.join(other)}): continuing, "
            "but not as if it had been longer at once."
        )


def read_prompts(chain: "Chain") -> "dict[str, np.ndarray]":
    """The prompts as ids, by path, in the order of --prompt_audio."""
    from ada.audio.errors import AudioError
    from ada.generation.prompts import read_prompt

    paths = _prompt_paths()
    try:
        return {path: read_prompt(path, chain.runs[-1].info, FLAGS.prompt_secs) for path in paths}
    except AudioError as error:
        raise UserError(f"{error}. Convert the file, or name another --prompt_audio.") from error


def _prompt_paths() -> list[str]:
    from ada.preparation.inputs import find_files, split_patterns, why_not_audio

    found = [f.path for p in split_patterns(FLAGS.prompt_audio) for f in find_files([p])]
    paths = [path for path in dict.fromkeys(found) if why_not_audio(path) is None]
    if not paths:
        raise UserError(f"--prompt_audio: {', '.join(found)} is not audio.")
    return paths


def refuse_own_output(directory: Path, out: Path) -> None:
    """Raises UsageError if what a command reads would be replaced by what it makes."""
    if directory.resolve() == out.resolve():
        raise UsageError(f"--output_dir={out} is where the input is: name another")
