"""Training: the step, the loop, strategies, schedules, checkpoints and summaries."""

from ada.training.distributed.strategies import make_strategy
from ada.training.distributed.workers import Workers
from ada.training.launch import train
from ada.training.settings import (
    FirstPhase,
    Intervals,
    Optimization,
    Search,
    TrainingSettings,
)
from ada.training.trainer import StepResult, Trainer

__all__ = [
    "FirstPhase",
    "Intervals",
    "Optimization",
    "Search",
    "StepResult",
    "Trainer",
    "TrainingSettings",
    "Workers",
    "make_strategy",
    "train",
]
