"""Population-based training (Jaderberg et al. 2017) on Ray Tune, of anything that has a score.

Ray starts the worker processes, restarts the dead ones, decides who runs when, and perturbs or
resamples. Ours is what it lacks: draws that are a function of (seed, step, member), members that
are not healthy, and a history from which a killed search resumes at its last comparison.
(Ray's own `Tuner.restore` forgets its scheduler's state and can be torn by a kill.)

This module needs Ray: import it where a population is trained, and nowhere else.
"""

import shutil
from collections.abc import Callable

from ada.population.scheduler import Callbacks, Member, Members, Scheduler  # isort: skip

from ray import tune

from ada.population.history import History
from ada.population.plan import Advance, Plan
from ada.population.stall import StalledError
from ada.utils import log
from ada.utils.errors import UserError

# A population is restarted so often at most without another comparison (`stall`).
MAX_STALLS = 3


def evolve(
    plan: Plan,
    advance: Advance,
    history: History,
    storage: str,
    starts: list[dict[str, float]] | None = None,
    callbacks: Callbacks | None = None,
    on_stall: Callable[[], None] = lambda: None,
) -> History:
    """Trains a population to its end, on the Ray that this process is connected to.

    Args:
      plan: how.
      advance: trains a member; pickled.
      history: of the comparisons so far; the population resumes after the last of them.
      storage: directory that all nodes share, for what Ray writes; it is removed at the end.
      starts: hyperparameters at first; `plan.starts()` if None.
      callbacks: what to call meanwhile.
      on_stall: called before the population is restarted because Ray failed.

    Returns:
      The whole history.

    Raises:
      UserError: if a member, or Ray, fails again and again; it says why.
    """
    stalls = 0
    while history.step < plan.num_steps:
        configs = history.next_members() or [
            {"member": number, "hyperparameters": hyperparameters, "state": None}
            for number, hyperparameters in enumerate(starts or plan.starts())
        ]
        scheduler = Scheduler(plan, history, configs, callbacks or Callbacks())
        try:
            _fit(plan, advance, scheduler, configs, storage)
        except StalledError as error:
            stalls = 1 if scheduler.history.step > history.step else stalls + 1
            if stalls > MAX_STALLS:
                raise UserError(f"{error}, {stalls} times. The same command resumes.") from error
            log.warning(f"{error}: the search resumes from step {scheduler.history.step}.")
            on_stall()
        history = scheduler.history
    return history


def _fit(
    plan: Plan, advance: Advance, scheduler: Scheduler, configs: list[dict], storage: str
) -> None:
    """Trains to the end; raises the scheduler's failure, or StalledError if it was Ray's."""
    shutil.rmtree(storage, ignore_errors=True)  # of a search that was killed
    trainable = tune.with_parameters(Member, advance=advance)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": plan.cpus, "gpu": plan.gpus}),
        # Every configuration is a trial: the keys of one that is drawn as a whole.
        param_space=tune.grid_search(configs),
        tune_config=tune.TuneConfig(
            scheduler=scheduler, search_alg=Members(len(configs)), reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="population",
            storage_path=storage,
            stop={"step": plan.num_steps},
            failure_config=tune.FailureConfig(max_failures=-1),  # we count
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    except Exception as error:  # Ray has no kind of its own for what went wrong in it
        if scheduler.failure is not None:
            raise scheduler.failure from None
        if isinstance(error, StalledError):
            raise
        reason = str(error).strip().splitlines() or [repr(error)]
        raise StalledError(f"Ray failed: {reason[-1]}") from error
    finally:
        shutil.rmtree(storage, ignore_errors=True)
