"""Shared by the commands: start-up, exit codes, one-line errors and flags."""
