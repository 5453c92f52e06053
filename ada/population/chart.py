"""The picture of a population: scores and hyperparameters of every member over time."""

import io
import math
from collections.abc import Callable

from ada.population.history import History, Standing
from ada.utils.files import write_bytes_atomically

PANEL_INCHES = (9.0, 2.6)


def draw(history: History, path: str) -> None:
    """Writes a PNG with a panel for every figure in the reports and for every hyperparameter.

    A dot is where a member copied another, a cross where a member was not healthy. A hyperparameter
    holds from one comparison to the next.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    first = history.comparisons[0].members[0]
    reports = [name for name in first.report if any(_values(history, _report(name)))]
    names = list(first.hyperparameters)
    rows = len(reports) + len(names)
    figure = Figure((PANEL_INCHES[0], PANEL_INCHES[1] * rows), layout="constrained")
    panels = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    members = sorted({s.member for c in history.comparisons for s in c.members})
    for member in members:
        colour = colormaps["tab10" if len(members) <= 10 else "tab20"](member % 20)
        past = [(c.step, s) for c in history.comparisons for s in c.members if s.member == member]
        steps = [step for step, _ in past]
        copied = [k for k, (_, s) in enumerate(past) if s.copied_from is not None]
        unhealthy = [k for k, (_, s) in enumerate(past) if not s.healthy]
        for panel, name in zip(panels, reports, strict=False):
            values = [_number(s.report.get(name)) for _, s in past]
            panel.plot(steps, values, color=colour, label=f"member {member}")
            panel.plot(steps, values, "o", color=colour, markevery=copied)
            panel.plot(steps, values, "kx", markevery=unhealthy)
        for panel, name in zip(panels[len(reports) :], names, strict=True):
            values = [s.hyperparameters[name] for _, s in past]
            held = [0, *steps], [values[0], *values]
            panel.plot(*held, color=colour, drawstyle="steps-pre", label=f"member {member}")
            panel.plot(steps, values, "o", color=colour, markevery=copied)
    for panel, name in zip(panels, [*reports, *names], strict=True):
        panel.set_ylabel(name.replace(".", ".\n"))
        panel.grid(alpha=0.3)
        if name in names:
            panel.set_yscale("log")
    panels[0].set_title("dot: copied another member; cross: not healthy", fontsize=10)
    panels[0].legend(fontsize=8, ncols=4)
    panels[-1].set_xlabel("training step")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=100)
    write_bytes_atomically(path, image.getvalue())


def _report(name: str) -> Callable[[Standing], object]:
    return lambda standing: standing.report.get(name)


def _values(history: History, pick: Callable[[Standing], object]) -> list[object]:
    return [pick(s) for c in history.comparisons for s in c.members]


def _number(value: float | None) -> float:
    return math.nan if value is None else value
