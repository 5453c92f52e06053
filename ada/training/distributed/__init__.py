"""Strategies, workers and how they meet."""
