"""Training: the step, the loop, strategies, schedules, checkpoints and summaries."""

from ada.training.launch import train
from ada.training.settings import (
    FirstPhase,
    Intervals,
    Optimization,
    Search,
    TrainingSettings,
)
from ada.training.strategies import make_strategy
from ada.training.trainer import StepResult, Trainer
from ada.training.workers import Workers

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
