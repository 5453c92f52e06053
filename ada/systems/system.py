"""A system from audio files to new audio and a page, stage by stage (`ada.systems.stages`).

data/                 the audio dataset
<level>/              run directory of a level, bottom first, named as its gin file
<level>_codes/        codes of an autoencoder, the data of the level above
baseline/             the bottom's local model trained without codes, if asked for
samples/              generated audio
evaluation/           numbers, originals and their reconstructions (`ada.evaluation.comparison`)
system.json         the runs of the system: what `--run_dirs` of other commands takes
baseline.json summary.json page.html
.stages/              what is done, and by which command

Systems that share their lower levels share a `levels_dir`, which then holds all but the last lines.
"""

import dataclasses
import functools
import itertools
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ada import pretrained
from ada.config import bindings, configuration
from ada.data import Dataset, DatasetSpec
from ada.data.spec import SPEC_NAME
from ada.evaluation import transcription
from ada.evaluation.comparison import EVALUATION
from ada.extraction.codes import shifts_within
from ada.generation import level_sampling
from ada.inspection.estimate import flops_a_step
from ada.preparation import bundled
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.runs import system_folder
from ada.runs.run import Run
from ada.systems.report import write_report
from ada.systems.stages import STAGES, Stages
from ada.utils import log, made
from ada.utils.errors import UserError
from ada.utils.files import exclusive, require_local
from ada.utils.jsonable import to_jsonable

BASELINE = "local_wavenet"
REPORTS = ("page.html", "summary.json", "baseline.json", system_folder.FILE)


@dataclass(frozen=True)
class System:
    """The options of a pipeline.

    Attributes:
      levels: names of gin files, from the bottom level to the top.
      overlays: gin files on top of each.
      gin_params: gin bindings on top of each.
      baseline: whether to train the bottom's local model without codes too.
      inputs: audio files, directories, patterns; the bundled audio if empty.
      maestro_csv: table of files and their splits (`AudioOptions`), with or instead of inputs.
      data_dir: a prepared dataset instead of inputs.
      levels_dir: where data, runs and codes go, to be shared with other systems; if None, with the
        rest.
      sample_rate: of the dataset, Hz.
      num_offsets: number of offsets within the hop at which each autoencoder encodes its train
        split (`ada.extraction.codes`).
      init_from: a folder of run directories, or the name of a pretrained system: levels that have
        the name of one of its runs start from its weights.
      num_samples: clips to generate.
      duration_secs: their length.
      sampling: flags that take precedence over the sampling values of each run.
      seed: of the draws.
    """

    levels: tuple[str, ...]
    overlays: tuple[str, ...] = ()
    gin_params: tuple[str, ...] = ()
    baseline: bool = False
    inputs: tuple[str, ...] = ()
    maestro_csv: str | None = None
    data_dir: str | None = None
    levels_dir: str | None = None
    sample_rate: int = 16000
    num_offsets: int = 1
    init_from: str | None = None
    num_samples: int = 4
    duration_secs: float = 5.0
    sampling: level_sampling.SamplingFlags = level_sampling.SamplingFlags()
    seed: int = 0

    def num_stages(self) -> int:
        """Stages from the data to the evaluation: each level, its codes, clips."""
        trained = 2 * len(self.levels) - 1
        return 1 + trained + 2 + (2 if self.baseline else 0)


def run_system(system: System, run_dir: str) -> int:
    """Runs all stages into `run_dir`; returns the exit code, 1 if the codes are ignored.

    Raises:
      UserError: if a stage fails, or another process is at work there.
    """
    params = _check(system)
    for directory in (system.levels_dir or run_dir, run_dir):
        require_local(directory)
    made.refuse_others(Path(run_dir), "ada.pipeline", REPORTS, _is_pipeline)
    with exclusive(system.levels_dir or run_dir, run_dir):
        made.claim(Path(run_dir), "ada.pipeline", REPORTS, _is_pipeline)
        return _run_stages(system, params, Path(run_dir))


def _is_pipeline(root: Path) -> bool:
    """Whether a pipeline ran there before there were markers."""
    return (root / STAGES).is_dir()


def _run_stages(system: System, params: dict[str, list[str]], root: Path) -> int:
    costs = {
        level: functools.cache(functools.partial(_cost, system, level, params[level]))
        for level in system.levels
    }
    stages = Stages(Path(system.levels_dir or root), system.num_stages(), costs)
    audio = prepared(system, stages)
    beside = stages.branch()
    run_dirs = _train_levels(system, stages, params, audio)
    stages.root = root
    system_folder.write_system(root, run_dirs)
    chain = f"--run_dirs={','.join(run_dirs)}"
    samples, clips = root / "samples", "--num_samples=0"
    levels = level_sampling.resolve(run_dirs, system.sampling)
    if line := level_sampling.described(levels):
        log.info(line)
    # Stated, so that the stages are done again when a file has changed.
    sampling = level_sampling.as_flags(levels)
    # An autoencoder on top (NSynth) has nothing that it could sample from: it reconstructs.
    if Run.open(run_dirs[0]).build_model().quantizer is None:
        flags = [
            f"--output_dir={samples}",
            f"--num_samples={system.num_samples}",
            f"--duration_secs={system.duration_secs}",
            *(sampling or ["--temperature=1.0"]),  # pipelines of before stay finished
            f"--seed={system.seed}",
            "--overwrite",
        ]
        stages.run("samples", ["ada.sample", chain, *flags], samples / "sample.json")
        clips = f"--samples={samples}"
    else:
        stages.planned -= 1
    flags = [f"--output_dir={root / 'evaluation'}", clips, *sampling]
    evaluation = root / "evaluation" / EVALUATION
    # Once the transcriber is installed, notes are measured, too.
    settings = "notes" if transcription.is_installed() else ""
    stages.run("evaluation", ["ada.evaluate", chain, *flags], evaluation, settings)
    baseline = None
    if system.baseline:
        baseline = train_level(beside, "baseline", BASELINE, system, params[BASELINE], audio)
        beside.root, numbers = root, root / "baseline.json"
        flags = [f"--run_dirs={baseline}", f"--json={numbers}"]
        beside.run("baseline_evaluation", ["ada.evaluate", *flags], numbers)
    return write_report(root, run_dirs, baseline, stages.seconds)


def _cost(system: System, level: str, params: list[str]) -> float:
    """Floating-point operations of training a level, without its first phase."""
    settings = configuration.load([f"gin/{level}.gin", *system.overlays], params)
    network = settings.model()
    network.build()
    members = settings.search.population if settings.search else 1
    return members * settings.num_steps * flops_a_step(network, settings)


def _train_levels(
    system: System, stages: Stages, params: dict[str, list[str]], audio: str
) -> list[str]:
    """Trains every level on the codes of the one below; returns run directories, top first."""
    run_dirs, data = [], audio
    for level in system.levels:
        if run_dirs:
            data = str(stages.root / f"{Path(run_dirs[0]).name}_codes")
            flags = [f"--run_dir={run_dirs[0]}", f"--output_dir={data}", "--overwrite"]
            if system.num_offsets > 1:
                flags.append(f"--num_offsets={system.num_offsets}")
            stages.run(Path(data).name, ["ada.extract_codes", *flags], Path(data, SPEC_NAME))
        run_dirs.insert(0, train_level(stages, level, level, system, params[level], data))
    return run_dirs


def train_level(
    stages: Stages,
    name: str,
    level: str,
    system: System,
    params: list[str],
    data_dir: str,
    search: bool = True,
) -> str:
    """Trains one model as a stage, or searches it where its gin file says so (`train.search`).

    Args:
      stages: whose root gets the run directory.
      name: of the stage and the run directory.
      level: name of the model's gin file.
      system: whose overlays stand on top of it.
      params: gin bindings that the model can use.
      data_dir: its dataset.
      search: whether to search what its gin file says.

    Returns:
      The run directory.
    """
    gin_files = [f"gin/{level}.gin", *system.overlays]
    flags = [f"--gin_file={path}" for path in gin_files]
    flags += [f"--gin_param={binding}" for binding in params]
    out = stages.root / name
    _set_aside(out, data_dir)
    searched = configuration.load(gin_files, params).search is not None
    module = "ada.pbt" if search and searched else "ada.train"
    command = [module, *flags, f"--run_dir={out}", f"--data_dir={data_dir}"]
    if system.init_from and level in system.levels:
        start = f"{system.init_from}/{level}"
        if Run.exists(pretrained.resolve(start)):
            command.append(f"--init_from={start}")
    stages.run(name, command, out / "run.json", configuration.parsed())
    return str(out)


def _check(system: System) -> dict[str, list[str]]:
    """Builds every model once, before hours of training; returns the bindings that each can use.

    Raises:
      UserError: for a dataset that is not there, a binding that does not fit, or that no model has
        a use for; for sampling flags of another number of levels, or more offsets than a hop has.
    """
    level_sampling.per_level(system.sampling, len(system.levels))
    if system.data_dir:
        Dataset.open(system.data_dir)
    params = {}
    for level in [*system.levels, *([BASELINE] if system.baseline else [])]:
        gin_files = [f"gin/{level}.gin", *system.overlays]
        params[level] = configuration.params_for(gin_files, system.gin_params)
        settings = configuration.load(gin_files, params[level])
        if settings.search and find_spec("ray") is None:
            raise UserError(f"{level} is searched by ada.pbt, with Ray: pip install -e '.[pbt]'.")
        if system.num_offsets > 1 and level in system.levels[:-1]:
            shifts_within(settings.model().alignment, system.num_offsets)
    if system.num_offsets > 1 and len(system.levels) < 2:
        raise UserError(f"--num_offsets={system.num_offsets}: the system trains nothing on codes.")
    for binding in system.gin_params:
        if bindings.is_shipped_name(binding):
            continue  # one command line serves several systems
        if not any(binding in used for used in params.values()):
            raise UserError(f"--gin_param: no model of the system uses {binding!r}.")
    return params


def _set_aside(run_dir: Path, data_dir: str) -> None:
    """Moves a run or a search away that was trained on codes of an encoder that was replaced, or at
    another number of offsets.
    """
    known = [path for path in (run_dir, run_dir / "search") if (path / SPEC_NAME).exists()]
    if not known or not Dataset.is_complete(data_dir):
        return
    before, now = DatasetSpec.load(str(known[0])), DatasetSpec.load(data_dir)
    trained_on = before.upstream.get("digest")
    offsets = before.splits["train"].num_offsets
    if (trained_on, offsets) == (now.upstream.get("digest"), now.splits["train"].num_offsets):
        return
    names = (f"{run_dir.name}-on-{trained_on}{n or ''}" for n in itertools.count())
    aside = next(path for path in map(run_dir.with_name, names) if not path.exists())
    run_dir.rename(aside)
    log.info(f"{run_dir} was trained on other codes; it is now {aside}.")


def prepared(system: System, stages: Stages) -> str:
    """The dataset's directory, prepared; all stages to come depend on what is in it."""
    directory = system.data_dir or str(stages.root / "data")
    if not system.data_dir and (system.inputs or system.maestro_csv):
        options = AudioOptions(
            inputs=system.inputs,
            sample_rate=system.sample_rate,
            maestro_csv=system.maestro_csv,
        )
        prepare(directory, options)
    elif not system.data_dir and Path(directory, SPEC_NAME).exists():
        log.info(f"No --input_audio_filepatterns: using what is in {directory} already.")
    elif not system.data_dir:
        log.info("No --input_audio_filepatterns: using the BUNDLED audio (7.5 minutes of piano).")
        bundled.prepare_bundled(directory, system.sample_rate)
    # The report counts what preparation took when it was done, not what finding it done took.
    stages.seconds["data"] = depend_on_data(stages, directory).preparation.get("wall_secs", 0.0)
    return directory


def depend_on_data(stages: Stages, directory: str) -> DatasetSpec:
    """Makes all stages to come depend on what is in a dataset."""
    spec = Dataset.open(directory).spec
    stages.depend_on(json.dumps(to_jsonable(dataclasses.replace(spec, preparation={}))))
    return spec
