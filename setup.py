"""Installs ada; what it is, see README.md."""

import re
import shutil
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "ada" / "__init__.py").read_text()).group(1)
# Folders that commands read at run time. An editable install finds them in the clone.
RESOURCES = {"gin": "**/*.gin", "data_prep/sample_audio": "*"}

# Audio is decoded by FFmpeg, whose libraries are in the wheels of `av`, and by libsndfile where
# FFmpeg is not exact; tensorflow-io's last release wants TF 2.17.
CORE = [
    "tensorflow>=2.17,<2.22",
    "tensorflow-probability>=0.24,<0.26",
    "tf-keras>=2.17,<2.22",
    "keras>=3.5,<4",
    "numpy>=1.26",
    "absl-py>=2.0",
    "gin-config>=0.5",
    "tensorboard>=2.17",
    "av>=16,<19",
    "soundfile>=0.13",
    "soxr>=0.5",
    "tqdm>=4.66",
    "matplotlib>=3.8",
    "pillow>=10",  # pictures; matplotlib needs it, too
    "Jinja2>=3.1",  # pages
]
NOTES = ["mir_eval>=0.8,<0.9", "onnxruntime>=1.20,<2"]
SERVING = ["tensorflow-serving-api>=2.17,<2.22"]
EXTRAS = {
    "beam": ["apache-beam>=2.60"],
    "eval": [*NOTES, "librosa>=0.11,<0.12"],
    "listen": ["flask>=3", "waitress>=3", "scipy>=1.11"],
    "notes": NOTES,
    "play": ["flask>=3", "waitress>=3"],
    "pbt": ["ray[tune]>=2.50,<2.61"],
    "profile": ["tensorboard-plugin-profile>=2.17"],
    "scores": ["music21>=9", "mido>=1.3"],
    "serving": SERVING,
    "tfio": [
        "tensorflow==2.17.*",
        "tensorflow-io==0.37.1",
        "tensorflow-probability==0.24.*",
        "tf-keras==2.17.*",
    ],
    "dev": [
        *SERVING,
        "pytest>=8",
        "pytest-xdist>=3.8",
        "hypothesis>=6.100",
        "axe-playwright-python>=0.1.4,<0.2",  # accessibility of pages
        "playwright>=1.45",
        "pyloudnorm>=0.1.1",  # what loudness is compared with
        "ruff==0.17.*",
        "import-linter>=2.1,<3",
        "jupytext>=1.16",
        "nbclient>=0.10",
        "ipykernel>=6.29",
        "setuptools>=77",
        "wheel",
    ],
}
_OWN_ENVIRONMENT = ("dev", "tfio")
EXTRAS["all"] = sorted(
    set().union(*(EXTRAS[name] for name in EXTRAS if name not in _OWN_ENVIRONMENT))
)


# The sampling loop in C. Where it cannot be compiled, XLA's is used.
KERNEL = Extension(
    "ada.generation._kernel",
    ["ada/generation/kernel.c"],
    extra_compile_args=[
        *("-O3", "-fno-wrapv", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"),
        # Three quarters of the time to compile, and nothing in speed.
        *("-fno-gcse", "-fno-gcse-after-reload"),
    ],
    optional=True,
)


class BuildWithResources(build_py):
    """Copies gin files and sample audio into the package."""

    def run(self) -> None:
        super().run()
        for folder, pattern in RESOURCES.items():
            for source in (ROOT / folder).glob(pattern):
                target = Path(self.build_lib) / "ada" / "resources" / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


setup(
    name="ada",
    version=VERSION,
    description="Autoregressive discrete autoencoders for raw-audio music generation",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0 AND CC-BY-SA-4.0 AND CC-BY-NC-SA-4.0",  # of the code; of pretrained weights
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["ada", "ada.*"]),
    # An editable install is then a line with this path. Otherwise a folder called `ada` in the
    # directory that Python is started in, such as the clone itself, would be taken for the package.
    package_dir={"": "."},
    package_data={
        "ada.listening": ["static/*"],
        "ada.pages": ["templates/*"],
        "ada.playing": ["static/*"],
        "ada.web": ["*.css"],
        "ada.pretrained": ["**/*", "*/.made_by_ada"],
    },
    entry_points={"console_scripts": ["ada = ada.cli.verbs:main"]},
    install_requires=CORE,
    extras_require=EXTRAS,
    ext_modules=[KERNEL],
    cmdclass={"build_py": BuildWithResources},
)
