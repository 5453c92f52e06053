"""The style sheet of all pages, `style.css`: inside of reports, and served by web applications."""

from pathlib import Path

PATH = Path(__file__).with_name("style.css").resolve()
