"""The same as `python -m ada.render_scores`, under the name that it has in a clone."""

import runpy

if __name__ == "__main__":
    runpy.run_module("ada.render_scores", run_name="__main__", alter_sys=True)
