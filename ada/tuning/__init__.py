"""Fine-tuning of a whole system within a budget of time (`ada.tune`). Ours, not the paper's."""
