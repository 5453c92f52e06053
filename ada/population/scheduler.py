"""Ray Tune's population-based training with our draws. All that is private to Ray is in here.

Each member is a trial; a trial runs up to the next comparison, and waits there for the others.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ada.population.cluster  # noqa: F401  # isort: skip -- before Ray, which it quietens

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.search.basic_variant import BasicVariantGenerator

from ada.population.history import Comparison, History, Standing, quantiles
from ada.population.plan import Advance, Plan, seeded
from ada.population.stall import StalledError, StallWatch
from ada.utils import log
from ada.utils.errors import UserError

PERTURBATIONS = (1.2, 0.8)  # Jaderberg et al. (2017)
# A member may fail, or lose its process, this number of times before the search stops.
MAX_FAILURES = 3


@dataclasses.dataclass(frozen=True)
class Callbacks:
    """Callbacks during the training of a population.

    Attributes:
      on_member: called with (step, standing, address of the node) whenever a member has come to a
        comparison.
      on_comparison: called with the history whenever it has grown.
      on_turn: called many times a second; what it raises ends the training.
    """

    on_member: Callable[[int, Standing, str], None] = lambda step, standing, node: None
    on_comparison: Callable[[History], None] = lambda history: None
    on_turn: Callable[[], None] = lambda: None


class Member(tune.Trainable):
    """The trainable that Ray runs in a worker process: one member after another."""

    def setup(self, config: dict, advance: Advance) -> None:
        self._advance = advance
        self.reset_config(config)

    def reset_config(self, new_config: dict) -> bool:
        self._number = new_config["member"]
        self._hyperparameters = new_config["hyperparameters"]
        self._state = new_config["state"]
        return True

    def step(self) -> dict:
        began = self._state
        progress = self._advance(self._number, dict(self._hyperparameters), began)
        self._state = progress.state
        # In a list, so that Ray does not take it apart.
        standing = Standing(
            self._number,
            dict(self._hyperparameters),
            progress.score,
            progress.healthy,
            progress.state,
            progress.report,
            next_hyperparameters=dict(self._hyperparameters),
        )
        report = {"step": progress.step, "score": progress.score, "standing": [standing]}
        return report | {"began": [began]}

    def save_checkpoint(self, checkpoint_dir: str) -> dict:
        return {"state": self._state}

    def load_checkpoint(self, checkpoint: dict) -> None:
        self._state = checkpoint["state"]


class Members(BasicVariantGenerator):
    """Ray's list of members; it has an end only when they have.

    Between comparisons nobody runs, and for a list at its end Ray would stop every process then, to
    restart it.
    """

    def __init__(self, population: int) -> None:
        super().__init__()
        self._running = population

    def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
        super().on_trial_complete(*args, **kwargs)
        self._running -= 1

    def is_finished(self) -> bool:
        return super().is_finished() and not self._running


class Scheduler(PopulationBasedTraining):
    """Ray's synchronous scheduler, with our draws, our quantiles and a record of what it did."""

    def __init__(
        self,
        plan: Plan,
        history: History,
        configs: list[dict[str, Any]],
        callbacks: Callbacks,
    ) -> None:
        super().__init__(
            time_attr="step",
            metric="score",
            mode="min",
            perturbation_interval=plan.interval_steps,
            hyperparam_mutations={
                "hyperparameters": {
                    name: tune.loguniform(*ends) for name, ends in plan.hyperparameters.items()
                }
            },
            quantile_fraction=plan.quantile,
            resample_probability=plan.resample_probability,
            perturbation_factors=PERTURBATIONS,
            custom_explore_fn=lambda config: (
                config | {"hyperparameters": plan.clip(config["hyperparameters"])}
            ),
            log_config=False,
            synch=True,
        )
        self._next_perturbation_sync = history.step + plan.interval_steps
        self._plan = plan
        self.history = history
        self._begin = {c["member"]: c for c in configs}
        self.failure: Exception | None = None
        self._callbacks = callbacks
        self._present: dict[int, Standing] = {}
        self._failures: collections.Counter[int] = collections.Counter()
        self._watch = StallWatch()

    def __getstate__(self) -> dict[str, Any]:
        """The state for Ray's files, which are not used; without callbacks, which hold streams."""
        return {name: value for name, value in vars(self).items() if name != "_callbacks"}

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        first = not self._trial_state
        super().on_trial_add(tune_controller, trial)
        if first:
            # See `Members`: this many processes wait for the next member.
            tune_controller._actor_cache.increase_max(
                trial.placement_group_factory, self._plan.concurrent
            )

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict) -> str:
        self._note(result)
        awaited = self._next_perturbation_sync
        decision = super().on_trial_result(tune_controller, trial, result)
        if self._next_perturbation_sync != awaited:
            self._compared(result["step"])
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict) -> None:
        self._note(result)
        super().on_trial_complete(tune_controller, trial, result)
        if all(t is trial or t.is_finished() for t in tune_controller.get_trials()):
            self._compared(result["step"])

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        number = trial.config["member"]
        self._failures[number] += 1
        # (Ray's `get_error` waits for a copy in the storage.)
        reason = Path(trial.error_file).read_text("utf-8").strip().splitlines()[-1]
        if self._failures[number] > MAX_FAILURES:
            # The others would wait for ever.
            with self._kept():
                raise UserError(
                    f"member {number} failed {MAX_FAILURES + 1} times: {reason}. The same command "
                    "resumes from the last comparison."
                )
        log.warning(f"member {number} failed and starts again from the last comparison: {reason}")
        super().on_trial_error(tune_controller, trial)

    def _note(self, result: dict) -> None:
        [standing], [began] = result["standing"], result["began"]
        begin = self._begin[standing.member]
        if (began, standing.hyperparameters) != (begin["state"], begin["hyperparameters"]):
            with self._kept():
                raise StalledError(f"Ray took member {standing.member} up where it was not")
        self._present[standing.member] = standing
        self._callbacks.on_member(result["step"], standing, result["node_ip"])

    def _compared(self, step: int) -> None:
        members = tuple(standing for _, standing in sorted(self._present.items()))
        self.history = self.history.plus(Comparison(step, members))
        self._begin = {c["member"]: c for c in self.history.next_members()}
        self._present = {}
        with self._kept():
            self._callbacks.on_comparison(self.history)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        self._callbacks.on_turn()
        processes = tune_controller._trial_to_actor
        self._watch.look((t.status, t in processes) for t in tune_controller.get_trials())
        return super().choose_trial_to_run(tune_controller)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Keeps an error as it is; Ray buries it in a text."""
        try:
            yield
        except Exception as error:
            self.failure = error
            raise

    def _quantiles(self) -> tuple[list, list]:
        trials = {t.config["member"]: t for t in self._trial_state if not t.is_finished()}
        standings = [s for number, s in self._present.items() if number in trials]
        return tuple(
            [trials[standing.member] for standing in part]
            for part in quantiles(standings, self._plan.quantile)
        )

    def _checkpoint_or_exploit(self, trial: Any, *args: Any) -> None:
        with seeded(self._plan.seed, self._next_perturbation_sync, trial.config["member"]):
            super()._checkpoint_or_exploit(trial, *args)

    def _get_new_config(self, trial: Any, trial_to_clone: Any) -> tuple[dict, dict]:
        config, operations = super()._get_new_config(trial, trial_to_clone)
        number, donor = trial.config["member"], trial_to_clone.config["member"]
        config["member"] = number
        self._present[number] = dataclasses.replace(
            self._present[number],
            copied_from=donor,
            next_hyperparameters=dict(config["hyperparameters"]),
        )
        return config, operations
