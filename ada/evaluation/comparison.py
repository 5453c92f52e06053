"""Systems side by side: what each costs, keeps, makes, and how it compares with real music.

evaluation.json   everything
systems.csv       a row a system: the numbers that compare
files.csv         bits a step of every file of the split, by system and level
notes.csv         a row a measure of notes: of reconstructions, generated and real clips, controls
page.html         tables, charts and players in one file
clips/<system>/   originals, reconstructions and generated clips; notes.csv, the notes in them
codes/<system>/   codes of audio that is not the runs' own
"""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ada.audio.writing import write_wav
from ada.evaluation import note_report, transcription
from ada.evaluation.chain import encode_for, evaluate_chain
from ada.evaluation.comparison_page import write_comparison
from ada.evaluation.generated import Clips, generate_clips, measure, read_clips
from ada.evaluation.note_files import NOTES, write_notes
from ada.evaluation.note_scores import compare_with_real, reconstruction_scores
from ada.evaluation.reconstruction import reconstruct_clips
from ada.evaluation.summary import BETTER, summary
from ada.generation import SamplingConfig, level_sampling
from ada.pages.share import FILE as SHARED_PAGE
from ada.runs.chain import Chain
from ada.utils import log
from ada.utils.csv_files import csv_text
from ada.utils.errors import UserError
from ada.utils.extras import how_to_install
from ada.utils.files import write_text_atomically
from ada.utils.jsonable import parse_json, read_json_object
from ada.utils.made import claim, mark, marked, remove_made, require_free

EVALUATION, SYSTEMS, FILES, PAGE = "evaluation.json", "systems.csv", "files.csv", "page.html"
CLIPS, CODES = "clips", "codes"
COMMAND = "ada.evaluate"
# Clips of evaluations of before these were marked.
_CLIPS = rf"(original|reconstruction\d*|generated)_\d+\.wav|{re.escape(NOTES)}"
# Names of its output.
NAMES = (EVALUATION, SYSTEMS, FILES, NOTES, PAGE, SHARED_PAGE, CLIPS, CODES)


class SystemToEvaluate(NamedTuple):
    """A chain and how it is called.

    Attributes:
      name: unique among those compared; names its folder of clips.
      chain: run directories, top first.
      samples: output directory of `ada.sample`, or None to generate.
    """

    name: str
    chain: Chain
    samples: str | None = None


class Options(NamedTuple):
    """Options of an evaluation.

    Attributes:
      split: of every run's dataset.
      data_dir: other audio than the runs' own; its codes are extracted.
      num_samples: clips to generate where none are given; 0 for none.
      duration_secs: their length.
      seed: of what is drawn.
      sampling: flags that take precedence over the sampling values of each run.
    """

    split: str = "validation"
    data_dir: str | None = None
    num_samples: int = 4
    duration_secs: float = 20.0
    seed: int = 0
    sampling: level_sampling.SamplingFlags = level_sampling.SamplingFlags()

    def draws(self, chain: Chain) -> list[SamplingConfig]:
        """How every level is sampled, top first."""
        levels = level_sampling.resolve(chain.run_dirs, self.sampling)
        return level_sampling.configs(levels, self.seed)


def evaluate_system(system: SystemToEvaluate, options: Options, output_dir: Path) -> dict[str, Any]:
    """Everything that can be measured of one system.

    Args:
      system: with its samples, if there are any.
      options: what is measured.
      output_dir: where its clips go, and codes.

    Returns:
      What `evaluate_chain` gives, "name", "reconstruction" (`Reconstructions.distances`; of a
      bottom that is an autoencoder), "draws", how its levels were sampled, "generated"
      (`ada.evaluation.generated.measure`; of a chain from a prior down to audio) and "notes"
      (`ada.evaluation.note_scores`; of both, where the transcriber is installed). Without
      librosa (`[eval]`), "reconstruction" is None and there is no "generated".
    """
    chain, split, data_dirs = system.chain, options.split, None
    clips_dir = output_dir / CLIPS / system.name
    if options.data_dir:
        data_dirs = encode_for(chain, options.data_dir, output_dir / CODES / system.name)
    result = {"name": system.name} | evaluate_chain(chain, split, data_dirs)
    if chain.runs[-1].info.kind != "audio":
        return result
    measured = find_spec("librosa") is not None
    if not measured:
        log.warning(f"spectra and long range are not measured: {how_to_install('eval', 'librosa')}")
    has_notes, scores, notes = transcription.is_installed(), {}, {}
    if not has_notes:
        log.warning(f"notes are not measured: {transcription.HOW_TO_INSTALL}")
    if result["levels"][-1]["conditional"]:
        draws = options.draws(chain)
        result["draws"] = [level._asdict() for level in draws]
        clips = reconstruct_clips(chain, split, draws=draws, data_dir=options.data_dir)
        _mark_more(clips_dir, clips.file_names())
        clips.write(str(clips_dir))
        result["reconstruction"] = clips.distances() if measured else None
        if has_notes:
            scores, notes = reconstruction_scores(clips)
    if (measured or has_notes) and not result["levels"][0]["conditional"]:
        made = _generated(system, options, clips_dir)
        if made is not None:
            if measured:
                result["generated"] = measure(chain, made, split, data_dirs)
            if has_notes:
                data_dir = data_dirs[-1] if data_dirs else None
                found = compare_with_real(made.audio, chain.runs[-1], split, data_dir, options.seed)
                scores, notes = scores | found[0], notes | found[1]
    if scores:
        result["notes"] = scores
        write_notes(clips_dir / NOTES, notes)
    return result


def _generated(system: SystemToEvaluate, options: Options, clips_dir: Path) -> Clips | None:
    """Its clips, given or made now, which are also written; None if there are to be none."""
    chain = system.chain
    if system.samples:
        made = read_clips(chain, system.samples)
    elif options.num_samples:
        log.info(f"{system.name}: generating {options.num_samples} clips.")
        draws = options.draws(chain)
        made = generate_clips(chain, options.num_samples, options.duration_secs, draws)
    else:
        return None
    names = [f"generated_{number}.wav" for number in range(len(made.audio))]
    _mark_more(clips_dir, names)
    for name, clip in zip(names, made.audio, strict=True):
        write_wav(str(clips_dir / name), clip, chain.runs[-1].info.sample_rate)
    return made


def compare(
    systems: list[SystemToEvaluate], options: Options, output_dir: str
) -> list[dict[str, Any]]:
    """Evaluates systems one after the other and writes all files after each.

    Returns:
      What `evaluate_system` gives of each.

    Raises:
      UserError: if there is something else where it writes.
    """
    root, results = Path(output_dir), []
    if marked(root, COMMAND) is None and is_evaluation(root):
        _mark_clips_of_before(root)
    claim(root, COMMAND, NAMES, is_evaluation)
    for system in systems:
        _clear(root / CLIPS / system.name)
    for system in systems:
        results.append(evaluate_system(system, options, root))
        write_evaluation(root / EVALUATION, options.split, results)
        write_text_atomically(str(root / SYSTEMS), _csv([summary(result) for result in results]))
        write_text_atomically(str(root / FILES), _csv(_files(results)))
        rows = csv_text(note_report.CSV_HEADER, note_report.csv_rows(results))
        write_text_atomically(str(root / NOTES), rows)
        rates = [s.chain.runs[-1].info.sample_rate for s in systems]
        folders = [root / CLIPS / result["name"] for result in results]
        write_comparison(root / PAGE, results, rates, folders)
    return results


def _mark_clips_of_before(root: Path) -> None:
    """Marks the clips of an evaluation of before there were markers."""
    for folder in (root / CLIPS).glob("*"):
        mark(folder, COMMAND, [p.name for p in folder.glob("*") if re.fullmatch(_CLIPS, p.name)])


def _clear(clips_dir: Path) -> None:
    """Removes the clips of an earlier evaluation, and no others.

    Raises:
      UserError: if somebody else's are called as those of this one may be.
    """
    remove_made(clips_dir, COMMAND)
    others = [path.name for path in clips_dir.glob("*") if re.fullmatch(_CLIPS, path.name)]
    require_free(clips_dir, COMMAND, others)
    mark(clips_dir, COMMAND, [NOTES])


def _mark_more(clips_dir: Path, names: list[str]) -> None:
    """Marks files as made here, before they are."""
    mark(clips_dir, COMMAND, [*(marked(clips_dir, COMMAND) or ()), *names])


def write_evaluation(path: str | Path, split: str, results: list[dict[str, Any]]) -> None:
    """Writes what was found of systems on a split, as `evaluation.json` holds it."""
    found = {"split": split, "better": BETTER, "systems": results}
    write_text_atomically(str(path), json.dumps(found, indent=1, allow_nan=False) + "\n")


def is_evaluation(directory: Path) -> bool:
    """Whether there is an evaluation in a directory."""
    try:
        found = parse_json((directory / EVALUATION).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"split", "systems"} <= found.keys()


def systems_of(path: str | Path) -> list[dict[str, Any]]:
    """The results of each system in such a file.

    Raises:
      UserError: if it is something else.
    """
    systems = read_json_object(path).get("systems")
    is_one = isinstance(systems, list) and all(isinstance(one, dict) for one in systems)
    if not is_one or not systems or not all(_has_digests(one.get("levels")) for one in systems):
        raise UserError(f"{path} is not an evaluation.json of ada.evaluate.")
    return systems


def _has_digests(levels: Any) -> bool:
    return isinstance(levels, list) and all(
        isinstance(level, dict) and "digest" in level for level in levels
    )


def read_evaluation(path: str | Path) -> dict[str, Any]:
    """The results of the first system in such a file."""
    return systems_of(path)[0]


def _files(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"system": result["name"], "run_dir": level["run_dir"], "kind": level["kind"]} | file
        for result in results
        for level in result["levels"]
        for file in level["files"]
    ]


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return csv_text(names, ([row.get(name) for name in names] for row in rows))
