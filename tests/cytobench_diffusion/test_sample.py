from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cytobench.context import Stopped
from cytobench.contract import Request
from cytobench.errors import CytobenchError
from cytobench_diffusion.adapter_place import ADAPTER_FILE
from cytobench_diffusion.config import BaselineConfig, DiffusionSampleConfig, LoraFitConfig
from cytobench_diffusion.generators import BaselineGenerator, LoraGenerator
from cytobench_diffusion.pipeline import load_pipeline, release

from .tiny import SIDE, context, requests, shots

SAMPLING = DiffusionSampleConfig(steps=3, batch_size=2)
FIT = LoraFitConfig(resolution=SIDE, rank=2, train_steps=3, warmup_steps=0, lr=3e-2)


@pytest.fixture(scope="module")
def adapters(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("adapters")
    for seed, label in enumerate("AB"):
        LoraGenerator(FIT, SAMPLING).fit(shots(label, seed=seed), context(weights, folder / label))
    yield {label: folder / label for label in "AB"}


def draw(
    weights: Path,
    out: Path,
    todo: list[Request],
    adapters: dict[str, Path] | None = None,
    **changes: object,
) -> dict[tuple[str, int], NDArray[np.uint8]]:
    config = DiffusionSampleConfig.model_validate(SAMPLING.model_dump() | changes)
    if adapters is None:
        sampler = BaselineGenerator(BaselineConfig(resolution=SIDE), config).open({}, context(weights, out))
    else:
        sampler = LoraGenerator(FIT, config).open(adapters, context(weights, out))
    images = {(request.label, request.index): image for request, image in sampler.sample(todo)}
    sampler.close()
    return images


def same(first: dict[tuple[str, int], NDArray[np.uint8]], second: dict[tuple[str, int], NDArray[np.uint8]]) -> bool:
    return all(np.array_equal(first[key], second[key]) for key in first.keys() & second.keys())


def test_images_are_rgb_and_the_same_bytes_in_two_runs(weights: Path, tmp_path: Path) -> None:
    first = draw(weights, tmp_path, requests(4))
    release()
    second = draw(weights, tmp_path, requests(4))
    assert sorted(first) == [("A", 0), ("A", 1), ("A", 2), ("A", 3)]
    assert all(image.shape == (SIDE, SIDE, 3) and image.dtype == np.uint8 for image in first.values())
    assert same(first, second)
    assert not np.array_equal(first["A", 0], first["A", 1])


def test_image_depends_on_no_count_and_only_in_the_last_bits_on_the_batch(weights: Path, tmp_path: Path) -> None:
    many = draw(weights, tmp_path, requests(4))
    assert same(many, draw(weights, tmp_path, requests(2)))
    for batch_size in (1, 4):
        other = draw(weights, tmp_path, requests(4), batch_size=batch_size)
        assert all(np.abs(many[key].astype(int) - other[key]).max() <= 1 for key in many)


def test_swapped_adapters_equal_a_fresh_pipeline_each(weights: Path, tmp_path: Path, adapters: dict[str, Path]) -> None:
    swapped = draw(weights, tmp_path, [*requests(2, "A"), *requests(2, "B")], adapters)
    for label in "AB":
        release()
        assert same(swapped, draw(weights, tmp_path, requests(2, label), adapters))
    base = draw(weights, tmp_path, requests(2, "A"))
    assert not np.array_equal(base["A", 0], swapped["A", 0])


def test_mixed_labels_are_sampled_with_their_own_adapter(
    weights: Path, tmp_path: Path, adapters: dict[str, Path]
) -> None:
    a, b = requests(2, "A"), requests(2, "B")
    in_order = draw(weights, tmp_path, [*a, *b], adapters)
    assert same(in_order, draw(weights, tmp_path, [b[0], a[0], b[1], a[1]], adapters))


def test_open_samplers_do_not_disturb_each_other(weights: Path, tmp_path: Path, adapters: dict[str, Path]) -> None:
    tuned = LoraGenerator(FIT, SAMPLING).open(adapters, context(weights, tmp_path))
    plain = BaselineGenerator(BaselineConfig(resolution=SIDE), SAMPLING).open({}, context(weights, tmp_path))
    tuned_images, plain_images = {}, {}
    for block in (requests(4)[:2], requests(4)[2:]):
        tuned_images |= {(r.label, r.index): image for r, image in tuned.sample(block)}
        plain_images |= {(r.label, r.index): image for r, image in plain.sample(block)}
    assert same(tuned_images, draw(weights, tmp_path, requests(4), adapters))
    assert same(plain_images, draw(weights, tmp_path, requests(4)))


def test_a_closed_sampler_leaves_nothing_on_the_device(
    weights: Path, tmp_path: Path, adapters: dict[str, Path]
) -> None:
    """Classifiers are trained after it: the pipeline would count as theirs, and take the memory they need."""
    ctx = context(weights, tmp_path)
    loaded = load_pipeline(ctx.assets["weights"], ctx.device, ctx.dtype)
    models = [weakref.ref(model) for model in (loaded.pipe.unet, loaded.pipe.text_encoder, loaded.pipe.vae)]
    del loaded
    sampler = LoraGenerator(FIT, SAMPLING).open(adapters, ctx)
    gc.disable()  # memory that waits for the collector is memory a device lacks
    try:
        assert len(list(sampler.sample(requests(2)))) == 2
        assert all(model() is not None for model in models)
        sampler.close()
        del sampler
        assert [model() for model in models] == [None, None, None]
    finally:
        gc.enable()


def test_sampling_leaves_global_random_state_alone(weights: Path, tmp_path: Path, adapters: dict[str, Path]) -> None:
    before = torch.get_rng_state()
    draw(weights, tmp_path, requests(2), adapters)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("scheduler", ["ddim", "dpmsolver++", "pndm", "euler"])
def test_schedulers(weights: Path, v_weights: Path, tmp_path: Path, scheduler: str) -> None:
    noise, velocity = (
        draw(folder, tmp_path, requests(2), scheduler=scheduler, steps=4) for folder in (weights, v_weights)
    )
    assert noise["A", 0].std() > 0
    assert not np.array_equal(noise["A", 0], velocity["A", 0])  # the prediction type is kept


def test_default_scheduler_is_the_pipelines_own(weights: Path, tmp_path: Path) -> None:
    default = draw(weights, tmp_path, requests(2))
    assert same(default, draw(weights, tmp_path, requests(2), scheduler="ddim"))
    assert not same(default, draw(weights, tmp_path, requests(2), scheduler="euler"))


def test_guidance_at_one_and_below_is_none(weights: Path, tmp_path: Path) -> None:
    none = draw(weights, tmp_path, requests(2), guidance=1.0)
    assert same(none, draw(weights, tmp_path, requests(2), guidance=0.0))
    assert not same(none, draw(weights, tmp_path, requests(2), guidance=5.0))


def test_prompt_steers_the_image(weights: Path, tmp_path: Path) -> None:
    plain, other = (Request("A", prompt, 0, 7) for prompt in ("a cell a", "zzz qqq"))
    images = [draw(weights, tmp_path, [request], guidance=5.0)["A", 0] for request in (plain, other)]
    assert not np.array_equal(*images)


def test_ran_says_what_ran(weights: Path, tmp_path: Path, adapters: dict[str, Path]) -> None:
    ctx = context(weights, tmp_path)
    ran = LoraGenerator(FIT, SAMPLING).open(adapters, ctx).ran
    assert ran.weights == f"{weights} {ctx.assets['weights'].digest[:12]}"
    assert ran.architecture == "Stable Diffusion UNet 0.1 M + LoRA r2"
    assert ran.resolution == SIDE
    base = BaselineGenerator(BaselineConfig(resolution=SIDE), SAMPLING).open({}, ctx).ran
    assert base.architecture == "Stable Diffusion UNet 0.1 M"


def test_label_without_an_adapter_is_named(weights: Path, tmp_path: Path, adapters: dict[str, Path]) -> None:
    with pytest.raises(CytobenchError, match=r"no adapter was tuned for C; there are: A, B"):
        draw(weights, tmp_path, requests(1, "C"), adapters)


def test_damaged_adapter_is_named_and_the_next_one_works(
    weights: Path, tmp_path: Path, adapters: dict[str, Path]
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / ADAPTER_FILE).write_bytes(b"no safetensors")
    with pytest.raises(CytobenchError, match=r"bad/pytorch_lora_weights\.safetensors is refused"):
        draw(weights, tmp_path, requests(2), {"A": tmp_path / "bad"})
    after = draw(weights, tmp_path, requests(2), adapters)
    release()
    assert same(after, draw(weights, tmp_path, requests(2), adapters))


def test_stop_is_heard_within_a_batch(weights: Path, tmp_path: Path) -> None:
    asked = iter([False, False, True])
    ctx = context(weights, tmp_path, stop=lambda: next(asked))
    sampler = BaselineGenerator(BaselineConfig(resolution=SIDE), SAMPLING).open({}, ctx)
    with pytest.raises(Stopped):
        list(sampler.sample(requests(2)))


def test_nothing_is_printed(
    weights: Path, tmp_path: Path, adapters: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    long = [Request("A", "a " * 200, 0, 1)]  # longer than the text encoder reads
    draw(weights, tmp_path, long, adapters)
    assert capfd.readouterr() == ("", "")
