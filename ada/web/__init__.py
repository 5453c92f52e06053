"""What the web applications share (`ada.listening`, `ada.playing`)."""
