"""Whether "held-out" music was part of what the weights that a run started from had learnt."""

from collections.abc import Iterator

from ada import pretrained
from ada.data import DatasetSpec
from ada.runs import Run


def trained_on_before(run: Run, split: str = "validation") -> list[str]:
    """Sources of a split, by name, whose files an earlier run was trained on.

    Earlier runs are the one that this run started from (`ada.train --init_from`), the one that that
    one started from, and so on, as far as they are at hand.
    """
    known = set()
    for spec in _earlier(run):
        # The first of two phases has the same data, divided in the same way.
        if spec.splits != run.spec.splits:
            known |= {source.sha256 for source in spec.splits["train"].sources}
    return [source.name for source in run.spec.splits[split].sources if source.sha256 in known]


def _earlier(run: Run) -> Iterator[DatasetSpec]:
    start = run.info.init_from
    while start and Run.exists(pretrained.resolve(start)):
        earlier = Run.open(start)
        yield earlier.spec
        start = earlier.info.init_from
