"""The settings of one clip: as a request to the models, and as flags of `ada.sample`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ada import pretrained
from ada.generation import modes
from ada.generation.exports import clip_stem
from ada.generation.level import SamplingConfig
from ada.generation.prompts import read_prompt
from ada.playing.systems import System
from ada.runs.chain import Chain

_MODES = {
    "new": "ancestral",
    "continue": "continue",
    "variation": "primed",
    "translate": "upsample",
}


class ClipSpec(NamedTuple):
    """Settings of one clip.

    Attributes:
      mode: "new"; "continue", more of a prompt; "variation", which begins as a prompt does; or
        "translate", a prompt through the codes.
      system: what makes it.
      secs: length of what is made. Of a translation, how much of the prompt is taken.
      seed: decides the random numbers.
      temperature: of the top level.
      top_p: of the bottom level.
      prompt: an audio file; None for something new.
      listen_secs: how much of the prompt is listened to, from its beginning.
      levels: of a translation: through how many levels of codes.
    """

    mode: str
    system: System
    secs: float
    seed: int
    temperature: float
    top_p: float
    prompt: str | None = None
    listen_secs: float | None = None
    levels: int = 1

    @property
    def sample_mode(self) -> str:
        """The mode of `ada.sample` that does it."""
        return _MODES[self.mode]

    @property
    def title(self) -> str:
        """A name for the folder of the clip."""
        source = Path(self.prompt).stem if self.prompt else Path(self.known_as[0]).name
        return clip_stem(self.sample_mode, source, self.seed, self.levels)

    @property
    def known_as(self) -> list[str]:
        """The run directories that are used, as `ada.sample` records them."""
        if self.mode == "translate":
            return list(self.system.run_dirs[-self.levels :])
        return self.system.known_as

    def configs(self) -> list[SamplingConfig]:
        """How all levels of the system are sampled, top first."""
        configs = sampling_configs(self.system, self.seed)
        configs[0] = configs[0]._replace(temperature=self.temperature)
        configs[-1] = configs[-1]._replace(top_p=self.top_p)
        return configs

    def flags(self) -> list[str]:
        """Those of `ada.sample` that make the same clip."""
        run_dirs, configs = self.known_as, self.configs()
        configs = configs[-self.levels :] if self.mode == "translate" else configs
        flag = "pretrained" if run_dirs[0] in pretrained.names() else "run_dirs"
        flags = [f"--{flag}={','.join(run_dirs)}", f"--mode={self.sample_mode}"]
        if self.prompt:
            flags.append(f"--prompt_audio={self.prompt}")
            secs = self.secs if self.mode == "translate" else self.listen_secs
            flags.append(f"--prompt_secs={secs:g}")
        if self.mode != "translate":
            total = self.secs + (self.listen_secs if self.mode == "variation" else 0.0)
            flags.append(f"--duration_secs={total:g}")
        flags += [
            "--temperature=" + ",".join(f"{config.temperature:g}" for config in configs),
            "--top_p=" + ",".join(f"{config.top_p:g}" for config in configs),
            "--top_k=0",
        ]
        return [*flags, "--num_samples=1", f"--seed={self.seed}"]


def sampling_configs(system: System, seed: int = 0) -> list[SamplingConfig]:
    """How all levels of a system are sampled by default, top first."""
    return [SamplingConfig(seed, t, 0, p) for t, p in system.values]


def request_of(chain: Chain, spec: ClipSpec) -> tuple[modes.Request, dict[str, Any]]:
    """The request, and its inputs, in the form of `ada.sample`."""
    if spec.prompt is None:
        return modes.ancestral(chain, [0], spec.secs), {}
    secs = spec.secs if spec.mode == "translate" else spec.listen_secs
    ids = read_prompt(spec.prompt, chain.runs[-1].info, secs)
    given = {"prompt_audio": {spec.prompt: len(ids) / modes.sample_rate(chain)}}
    if spec.mode == "translate":
        below = Chain(chain.runs[-spec.levels :], chain.checkpoints[-spec.levels :])
        return modes.upsampled_audio(below, {spec.prompt: ids}, [0], progress=False), given
    make: Callable = modes.primed if spec.mode == "variation" else modes.continued
    secs = spec.secs
    if spec.mode == "variation":
        secs += len(ids) / modes.sample_rate(chain)
    return make(chain, {spec.prompt: ids}, [0], secs, progress=False), given
