"""`ada play`: a local page to make music with, and what works behind it."""
