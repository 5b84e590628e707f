"""Do the pocket generators draw the class they were asked for? An independent judge counts.

Trains a judge (a timm network) on fresh phantom cells of its own stream and seed, then lets each generator draw every
class, for several seeds of shots, tuning and noise, and counts the samples that the judge puts into the class asked
for. Everything is seen at the pocket pipeline's 64 px. Writes ``judge.csv`` (a line a generator, seed and class),
``judge.json`` (the judge's own accuracy, versions, times) and ``samples.png``, and prints the table:

    python benchmarks/judge.py --out results/judge-phantom

Nothing is shared between judge and judged: its images come from the stream ``judge``, the shots from the data set
(stream ``evaluation``), the oracle's from the stream ``oracle``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import cytobench_phantom
from cytobench.context import Context
from cytobench.images import Images
from cytobench.pipeline.environment import device_info, environment
from cytobench.pipeline.generate import generate_images
from cytobench_phantom.dataset import draw
from cytobench_phantom.morphology import DESCRIPTIONS, LABELS
from cytobench_phantom.pretrain.training import to_pixels
from cytobench_timm.classifier import TimmClassifier
from cytobench_timm.config import TimmConfig

SIDE = 64
JUDGE_SEED = 90
TRAIN, VALIDATION, TEST = 300, 40, 100
"""The judge's images a class."""
JUDGE = TimmConfig(
    model="regnety_002", resolution=96, epochs=12, warmup_epochs=1, batch_size=32, lr=1e-3, colour_strength=0.2
)
ARMS = {  # name: generator, whether the prompt is the class's attributes
    "sd21": ("sd21", False),
    "sd21, attributes as prompt": ("sd21", True),
    "sd21-lora": ("sd21-lora", False),
    "repeat": ("repeat", False),
    "oracle": ("oracle", False),
}
ENCODED = "oracle through the autoencoder"
"""Not a generator: what of a true cell is left after the pipeline's autoencoder, so the most a LoRA could reach."""
Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Drawn:
    """One image in memory, RGB uint8 (64, 64, 3)."""

    image: Pictures

    def read(self) -> Pictures:
        """The image."""
        return self.image


def shrunk(image: Pictures | Image.Image) -> Pictures:
    """An image at the side that all are judged at."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    return np.array(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def gathered(pictures: Sequence[Pictures], labels: Sequence[str]) -> Images:
    """Labelled images as a classifier takes them."""
    table = pd.DataFrame({"label": list(labels), "prompt": "", "synthetic": True})
    return Images(table, LABELS, dict.fromkeys(LABELS, ""), [Drawn(picture) for picture in pictures])


def judge_images(first: int, count: int) -> Images:
    """Images ``first`` to ``first + count - 1`` of every class from the judge's own stream."""
    wanted = [(label, index) for label in LABELS for index in range(first, first + count)]
    pictures = [shrunk(draw(label, index, JUDGE_SEED, stream="judge")) for label, index in wanted]
    return gathered(pictures, [label for label, _ in wanted])


def train_judge(folder: Path) -> tuple[Any, dict[str, Any]]:
    """Train the judge; return it opened, and what is to be said of it."""
    context = Context(seed=JUDGE_SEED, device="cpu", dtype="float32", out=folder, labels=LABELS)
    start = time.perf_counter()
    classifier = TimmClassifier(JUDGE)
    checkpoints = classifier.fit(judge_images(0, TRAIN), judge_images(TRAIN, VALIDATION), context)
    predictor = classifier.open(checkpoints.picked, context)
    test = judge_images(TRAIN + VALIDATION, TEST)
    right = predictor.predict_proba(test).argmax(1) == test.targets
    return predictor, {
        "architecture": predictor.ran.architecture,
        "config": JUDGE.model_dump(mode="json"),
        "images_a_class": {"train": TRAIN, "validation": VALIDATION, "test": TEST},
        "seed": JUDGE_SEED,
        "accuracy": float(right.mean()),
        "accuracy_by_class": {label: float(right[test.targets == i].mean()) for i, label in enumerate(LABELS)},
        "seconds": round(time.perf_counter() - start, 1),
    }


def samples(arm: str, label: str, seed: int, count: int, work: Path) -> list[Pictures]:
    """``count`` samples of one class, made by the command ``cytobench generate``'s own function."""
    generator, described = ARMS[arm]
    prompts = work / "prompts.toml"
    prompts.write_text("".join(f'["{name}"]\ngenerator = "{text}"\n' for name, text in DESCRIPTIONS.items()))
    folder = generate_images(
        generator,
        "phantom",
        label,
        16,
        count,
        work / arm / str(seed),
        seed=seed,
        prompts_file=prompts if described else None,
        device="cpu",
        store=work / "store",
        with_real_images=True,  # all are judged, copies too
    ).folder
    return [shrunk(Image.open(folder / f"{i}.png")) for i in range(count)]


@torch.no_grad()
def encoded(pictures: Sequence[Pictures]) -> list[Pictures]:
    """The images after the pocket autoencoder."""
    model: Any = AutoencoderKL
    vae = model.from_pretrained(Path(cytobench_phantom.__file__).parent / "weights/sd/vae", local_files_only=True)
    pixels = to_pixels(torch.from_numpy(np.stack(pictures)))
    restored = vae.decode(vae.encode(pixels).latent_dist.mean).sample.clamp(-1, 1)
    return list(((restored.permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy())


def sheet(shown: dict[str, dict[str, list[Pictures]]], file: Path) -> None:
    """A row a class, a column a generator, four samples each."""
    zoom, across, margin, top = 1, 4, 150, 34
    cell = SIDE * zoom
    names = list(shown)
    width = margin + len(names) * (across * cell + 12)
    page = Image.new("RGB", (width, top + len(LABELS) * (cell + 4)), "white")
    pen = ImageDraw.Draw(page)
    for column, name in enumerate(names):
        left = margin + column * (across * cell + 12)
        pen.text((left, 10), name, fill="black", font_size=15)
        for row, label in enumerate(LABELS):
            for i, picture in enumerate(shown[name][label][:across]):
                page.paste(Image.fromarray(picture), (left + i * cell, top + row * (cell + 4)))
    for row, label in enumerate(LABELS):
        pen.text((4, top + row * (cell + 4) + cell // 2 - 8), label, fill="black", font_size=13)
    page.quantize(256, kmeans=2, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Train the judge, let it count, and write what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for judge.csv, judge.json and samples.png")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="(default: 1 2 3)")
    parser.add_argument("--count", type=int, default=20, help="samples a class, generator and seed (default: 20)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    shown: dict[str, dict[str, list[Pictures]]] = {name: {} for name in (*ARMS, ENCODED)}
    seconds: dict[str, float] = {}
    with TemporaryDirectory() as temporary:
        work = Path(temporary)
        judge, about_judge = train_judge(work)
        accuracy, seconds_judge = about_judge["accuracy"], about_judge["seconds"]
        print(f"judge: {accuracy:.3f} on {TEST * len(LABELS)} images kept apart, {seconds_judge} s")

        def count(arm: str, seed: int, label: str, pictures: list[Pictures]) -> None:
            guesses = judge.predict_proba(gathered(pictures, [label] * len(pictures))).argmax(1)
            right = int((guesses == LABELS.index(label)).sum())
            rows.append({"arm": arm, "seed": seed, "label": label, "n": len(pictures), "right": right})
            shown[arm].setdefault(label, pictures)

        for seed in options.seeds:
            for arm in ARMS:
                for label in LABELS:
                    start = time.perf_counter()
                    pictures = samples(arm, label, seed, options.count, work)
                    seconds[arm] = seconds.get(arm, 0.0) + time.perf_counter() - start
                    count(arm, seed, label, pictures)
                    if arm == "oracle":
                        count(ENCODED, seed, label, encoded(pictures))
                pd.DataFrame(rows).to_csv(options.out / "judge.csv", index=False)
                done = [row for row in rows if row["arm"] == arm and row["seed"] == seed]
                share = sum(row["right"] for row in done) / sum(row["n"] for row in done)
                print(f"seed {seed}, {arm}: {share:.3f}", flush=True)
    table = pd.DataFrame(rows)
    about = {
        "judge": about_judge,
        "seeds": options.seeds,
        "seconds": {arm: round(value, 1) for arm, value in seconds.items()},
        "device": device_info("cpu"),
        "environment": environment(),
    }
    (options.out / "judge.json").write_text(json.dumps(about, indent=1) + "\n")
    sheet(shown, options.out / "samples.png")
    shares = table.groupby(["arm", "seed"])[["right", "n"]].sum()
    by_seed = (shares["right"] / shares["n"]).unstack("seed").loc[list(shown)]
    print(pd.DataFrame({"mean": by_seed.mean(axis=1), "sd over seeds": by_seed.std(axis=1)}).round(3).to_string())


if __name__ == "__main__":
    main()
