"""Run directories of trained models, and chains of them from the top model down to audio."""
