"""The generator ``jitter``: a shot, turned and mirrored, cropped, its stain a little lighter or darker."""

import numpy as np
from PIL import Image

from cytobench.contract import CONTRACT, GeneratorSpec, PluginConfig, Ran, SampleConfig, hookimpl


class Sampling(SampleConfig):
    crop: float = 0.85
    """The least side of a crop, as a share."""
    stain: float = 0.15
    """The largest change of a channel's optical density, as a share."""


class Jitter:
    def __init__(self, fit: PluginConfig, sampling: Sampling) -> None:
        self.sampling = sampling

    def fit(self, shots, ctx):
        for i in range(len(shots)):
            Image.fromarray(shots[i]).save(ctx.out / f"{i:03d}.png")

    def open(self, artefacts, ctx):
        return Sampler({label: sorted(folder.glob("*.png")) for label, folder in artefacts.items()}, self.sampling)


class Sampler:
    ran = Ran("none", "turned, cropped and restained shots", None)

    def __init__(self, shots, sampling: Sampling) -> None:
        self.shots, self.sampling = shots, sampling

    def sample(self, todo):
        for request in todo:
            draw = np.random.default_rng(request.seed)
            files = self.shots[request.label]
            cell = Image.open(files[draw.integers(len(files))]).rotate(90 * int(draw.integers(4)))
            side = round(draw.uniform(self.sampling.crop, 1) * min(cell.size))
            left, top = (int(draw.integers(length - side + 1)) for length in cell.size)
            cell = cell.crop((left, top, left + side, top + side)).resize((min(cell.size),) * 2, Image.BICUBIC)
            density = -np.log((np.asarray(cell) + 1.0) / 256)
            density *= draw.uniform(1 - self.sampling.stain, 1 + self.sampling.stain, 3)
            pixels = np.clip(np.exp(-density) * 256 - 1, 0, 255).round().astype(np.uint8)
            yield request, np.ascontiguousarray(pixels[:, :: draw.choice([-1, 1])])

    def close(self) -> None:
        pass


@hookimpl
def cytobench_generators():
    here = {"factory": f"{__name__}:Jitter", "fit_config": "cytobench.contract:PluginConfig"}
    here |= {"role": "control", "images_are": "augmented copies of the shots"}
    summary = "Augmented copies of the shots: does a generator beat plain augmentation?"
    return [GeneratorSpec("jitter", summary, CONTRACT, 1, sample_config=f"{__name__}:Sampling", scope="class", **here)]
