"""Whole systems: stages from audio files to new audio, and the page that reports on them."""
