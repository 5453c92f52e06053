"""Population-based training of a model, and the run directory of its winner.

<run_dir>/                  the winner, an ordinary run directory, once the search is complete
  search/population.json    every member at every comparison
  search/population.png     the same as a picture
  search/operative.gin      the settings without what is searched
  search/dataset.json       specification of the data
  search/member<n>/         run directory of a member
  search/best-<n>-<step>/   the best checkpoint so far

All members start from the same weights and read the same batches (`train.seed`), so that nothing
but their hyperparameters tells them apart (our choice).
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from ada.data import Dataset, DatasetSpec, differing_data
from ada.population import History
from ada.population.cluster import Cluster
from ada.population.engine import evolve
from ada.population.history import Standing
from ada.population.member import MemberTrainer
from ada.population.plan import Plan
from ada.population.scheduler import Callbacks
from ada.population.searched import check_effective
from ada.population.table import write_population
from ada.population.winner import best_ones, keep_best, write_winner
from ada.runs.checkpoint_files import step_of
from ada.runs.run import RUN_FILES, Run
from ada.training.settings import TrainingSettings
from ada.training.start import check_fit, check_warmup, make_hooks, make_model
from ada.training.stopping import StopSignals
from ada.utils import log, made
from ada.utils.errors import StoppedError, Terminated, UserError
from ada.utils.files import absolute, exclusive, write_text_atomically
from ada.utils.progress import progress_bar


def search(
    load: Callable[[Mapping[str, float]], TrainingSettings],
    describe: Callable[[], str],
    run_dir: str,
    data_dir: str,
    ray_address: str | None = None,
) -> None:
    """Searches hyperparameters into a run directory, or resumes where it stopped.

    Args:
      load: from values of gin bindings to settings; pickled for the worker processes.
      describe: called once a model is made; returns the text of `operative.gin`; pickled too.
      run_dir: directory of the winner's run.
      data_dir: dataset directory; all members read it in place.
      ray_address: of a Ray cluster, see `Cluster`.

    Raises:
      UserError: for data that does not fit, a directory of something else, or if nobody won.
      StoppedError: after SIGTERM or Ctrl-C.
    """
    cluster = Cluster(ray_address)
    # The members use them.
    tf.config.set_visible_devices([], "GPU")
    settings = load({})
    if settings.search is None:
        raise UserError("nothing to search: bind train.search (see gin/level2_vqvae.gin).")
    if settings.first_phase is not None:
        raise UserError(
            "population-based training has one phase: set FIRST_PHASE = None, or train with "
            "ada.train."
        )
    plan = _plan(settings)
    dataset = Dataset.open(absolute(data_dir))
    network = make_model(settings)
    operative = describe()
    _check(load, describe, plan, dataset)
    with exclusive(run_dir):
        _search(load, describe, run_dir, dataset, plan, operative, network.count_params(), cluster)


def _search(
    load: Callable[[Mapping[str, float]], TrainingSettings],
    describe: Callable[[], str],
    run_dir: str,
    dataset: Dataset,
    plan: Plan,
    operative: str,
    num_weights: int,
    cluster: Cluster,
) -> None:
    """Searches, or resumes, after all checks."""
    root = Path(run_dir).absolute() / "search"
    _claim(root, operative, dataset)
    history = History.load(str(root / "population.json"))
    if not history.step and any(step_of(str(p)) > plan.interval_steps for p in best_ones(root)):
        raise UserError(
            f"{root}/population.json is gone, but a best checkpoint of the search is there: copy "
            "it there again, or choose another --run_dir."
        )
    if Run.exists(run_dir):
        found = history.best()
        if found is None:
            raise UserError(
                f"{run_dir} holds a run, but {root}/population.json does not name its winner: "
                "choose another --run_dir, or move it away."
            )
        step, best = found
        log.info(
            f"{run_dir} is complete: member {best.member} won with {best.report['bits']:.3f} bits "
            f"at step {step} of {history.step}."
        )
        return
    with _stoppable(root), cluster:
        cluster.check_nodes(str(root), dataset.directory)
        plan = dataclasses.replace(plan, **dataclasses.asdict(cluster.share(plan.population)))
        log.info(
            f"{'Resuming' if history.step else 'Starting'} the search {run_dir}: "
            f"{plan.population} members of {num_weights:,} parameters, {plan.concurrent} at a time "
            f"with {plan.cpus} {'CPUs' if plan.cpus > 1 else 'CPU'}{' and a GPU' * plan.gpus} "
            f"each, step {history.step} of {plan.num_steps}, compared every "
            f"{plan.interval_steps} steps."
        )
        trainer = MemberTrainer(load, describe, str(root), dataset.directory, plan.cpus)
        history = _evolve(plan, trainer, history, root, cluster)
    write_winner(load, describe, history, root, dataset)


@contextlib.contextmanager
def _stoppable(root: Path) -> Iterator[None]:
    """Turns SIGTERM and Ctrl-C into a StoppedError that says where the search is."""
    try:
        yield
    except KeyboardInterrupt as signal:
        name = "SIGTERM" if isinstance(signal, Terminated) else "Ctrl-C"
        step = History.load(str(root / "population.json")).step
        raise StoppedError(f"{name}; the same command resumes from step {step}.") from signal


def _plan(settings: TrainingSettings) -> Plan:
    wanted = settings.search
    return Plan(
        dict(wanted.hyperparameters),
        wanted.population,
        settings.num_steps,
        wanted.interval_steps,
        wanted.quantile,
        wanted.resample_probability,
        settings.seed,
    )


def _check(load: Callable, describe: Callable, plan: Plan, dataset: Dataset) -> None:
    """Builds a member once, before any process is started."""
    settings = load(plan.starts()[0])
    network = make_model(settings)
    describe()
    check_fit(settings, network, dataset)
    check_warmup(settings, make_hooks(settings, network))
    check_effective(settings, network)
    least = settings.search.least_perplexity
    if network.num_codes and least is not None and least >= network.num_codes:
        raise UserError(
            f"Search.least_perplexity {least} must be less than the number of codes, "
            f"{network.num_codes}: no member could win. Set it lower."
        )


def _claim(root: Path, operative: str, dataset: Dataset) -> None:
    """Makes the directory that of this search; raises UserError if it is of something else."""
    path = root / "operative.gin"
    if path.exists():
        message = differing_data(DatasetSpec.load(str(root)), dataset.spec)
        if message:
            raise UserError(
                f"{root.parent} searched on other data than {dataset.directory} holds: {message}. "
                "Choose another --run_dir, or move it away."
            )
        if path.read_text("utf-8") != operative:
            raise UserError(
                f"{root.parent} holds a search with other settings (see {path}): choose another "
                "--run_dir, or move it away."
            )
    elif Run.exists(str(root.parent)):
        raise UserError(f"{root.parent} holds a run, but no search: choose another --run_dir.")
    else:
        for directory in (root.parent, root):
            made.claim(directory, "ada.pbt", (*RUN_FILES, "population.json"), lambda _: False)
        dataset.spec.save(str(root))
        write_text_atomically(str(path), operative)


def _evolve(
    plan: Plan, trainer: MemberTrainer, history: History, root: Path, cluster: Cluster
) -> History:
    bar = progress_bar(
        total=plan.num_steps, initial=history.step, desc="members compared", unit="step"
    )
    signals = StopSignals(announcement=None)

    def on_member(step: int, standing: Standing, node: str) -> None:
        log.info(_line_of_member(step, standing, node if cluster.is_remote else None))

    def on_comparison(history: History) -> None:
        keep_best(history, root)
        write_population(history, root)
        bar.update(history.step - bar.n)
        log.info(_line(history))

    def on_turn() -> None:
        if signals.received:
            raise Terminated if signals.received == "SIGTERM" else KeyboardInterrupt

    callbacks = Callbacks(on_member, on_comparison, on_turn)
    with bar, signals.watched():
        storage = str(root / "ray")
        return evolve(
            plan, trainer, history, storage, callbacks=callbacks, on_stall=cluster.restart
        )


def _line_of_member(step: int, standing: Standing, node: str | None) -> str:
    bits = standing.report["bits"]
    fitness = "diverged" if bits is None else f"{bits:.3f} bits"
    if bits is not None and not standing.healthy:
        fitness += ", not healthy"
    where = f" (on {node})" if node else ""
    return f"step {step}: member {standing.member}{where}: {fitness}"


def _line(history: History) -> str:
    last = history.comparisons[-1]
    healthy = [s for s in last.members if s.healthy]
    line = f"step {last.step}: {len(healthy)} of {len(last.members)} members healthy"
    if healthy:
        best = min(healthy, key=lambda s: s.score)
        line += f", best {best.score:.3f} bits (member {best.member})"
    copies = [
        f"{s.member} copies {s.copied_from}" for s in last.members if s.copied_from is not None
    ]
    return f"{line}; {', '.join(copies)}" if copies else line
