"""Population-based training of one model; the same command again resumes.

python -m ada.pbt --gin_file=gin/level2_vqvae.gin --data_dir=data/my_codes
"""

import os

from absl import flags

from ada.cli import commands, value_flags

FLAGS = flags.FLAGS
value_flags.define_gin_files("Gin file; may be repeated, later ones win.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding, such as POPULATION=8; may be repeated.")
value_flags.define_path(
    "run_dir", None, "Run directory. Default: runs/<name of the first gin file>."
)
value_flags.define_path("data_dir", None, "Dataset directory, of codes for gin/level2_vqvae.gin.")
flags.DEFINE_string(
    "ray_address",
    None,
    "Address of a Ray cluster, such as 10.0.0.1:6379, or auto; local starts an own Ray on this "
    "machine. Default: RAY_ADDRESS, else local.",
)


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.cli.inputs import check_inputs, run_dir
    from ada.config.bindings import read_model
    from ada.utils import extras
    from ada.utils.errors import UsageError

    if not FLAGS.gin_file:
        raise UsageError("--gin_file is needed, such as --gin_file=gin/level2_vqvae.gin.")
    extras.require("pbt", "ray")
    if "://" in (_ray_address() or ""):
        raise UsageError(
            f"{_ray_address()} is the address of a Ray client: run the command on a node of the "
            "cluster, or with `ray job submit`, with --ray_address=auto"
        )
    check_inputs(read_model(FLAGS.gin_file, FLAGS.gin_param), run_dir(), FLAGS.data_dir)


def _ray_address() -> str | None:
    return FLAGS.ray_address or os.environ.get("RAY_ADDRESS")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.cli.inputs import run_dir
    from ada.config import configuration
    from ada.population.search import search
    from ada.preparation import bundled

    model = configuration.GinModel.read(FLAGS.gin_file, FLAGS.gin_param)
    settings = model.load({})
    configuration.warn_of_unused(FLAGS.gin_param)
    data_dir = FLAGS.data_dir or bundled.dataset_for(settings.kind)
    search(model.load, configuration.operative, run_dir(), data_dir, _ray_address())


if __name__ == "__main__":
    commands.run(main, check)
