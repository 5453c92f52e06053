"""Whether "held-out" music was part of what the weights that a run started from had learnt."""

from ada import pretrained
from ada.data import DatasetSpec
from ada.runs.run import Run


def trained_on_before(run: Run) -> list[str]:
    """Validation sources, by name, whose files an earlier run was trained on.

    Earlier runs are the one that this run started from (`ada.train --init_from`), the one that that
    one started from, and so on, as far as they are at hand.
    """
    known = {
        source.sha256
        for earlier in earlier_runs(run).values()
        for source in earlier.splits["train"].sources
    }
    return [
        source.name for source in run.spec.splits["validation"].sources if source.sha256 in known
    ]


def earlier_runs(run: Run) -> dict[str, DatasetSpec]:
    """Data of earlier runs by what `--init_from` said, the latest first.

    Without those on the same data, divided in the same way: the first of two phases.
    """
    found, start = {}, run.info.init_from
    while start and Run.exists(pretrained.resolve(start)):
        earlier = Run.open(start)
        if earlier.spec.splits != run.spec.splits:
            found[start] = earlier.spec
        start = earlier.info.init_from
    return found
