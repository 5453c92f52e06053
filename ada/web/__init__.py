"""Shared by the web applications (`ada.listening`, `ada.playing`)."""
