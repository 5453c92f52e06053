"""The same as `python -m ada.prepare_audio`, under the name that it has in a clone."""

import runpy

if __name__ == "__main__":
    runpy.run_module("ada.prepare_audio", run_name="__main__", alter_sys=True)
