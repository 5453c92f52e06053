"""The wheel, installed elsewhere, finds its gin files and its audio, and trains."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from support import MICRO, ROOT, run

import gin


def test_the_wheel_trains_elsewhere(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        + ["--wheel-dir", str(tmp_path), str(ROOT)],
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    site = tmp_path / "site"
    subprocess.run([*pip, str(site), str(wheel)], check=True)
    # As in any site-packages: beside ada, `gin` is gin-config's own folder.
    shutil.copytree(Path(gin.__file__).parent, site / "gin")
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ada"}
    assert {"ada/listening/static/index.html", "ada/web/style.css"} <= set(names)
    assert {"ada/prepare_audio.py", "ada/render_scores.py", "ada/rendering/piece.py"} <= set(names)
    for path in (ROOT / "ada" / "pretrained").rglob("*"):
        assert path.is_dir() or path.suffix == ".pyc" or str(path.relative_to(ROOT)) in names

    empty = tmp_path / "empty"
    empty.mkdir()
    args = ["--gin_file=gin/hop64_vqvae.gin", *MICRO, "--gin_param=NUM_STEPS=3"]
    process = run("ada.train", *args, cwd=empty, env={"PYTHONPATH": str(tmp_path / "site")})
    assert process.returncode == 0, process.stderr
    assert (empty / "runs" / "hop64_vqvae" / "run.json").exists()
    where = subprocess.run(
        [sys.executable, "-c", "import ada; print(ada.__file__)"],
        cwd=empty,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "site") in where.stdout
