from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file

from cytobench.context import Stopped
from cytobench.errors import CytobenchError
from cytobench_diffusion.adapter_place import ADAPTER_FILE
from cytobench_diffusion.config import DiffusionSampleConfig, LoraFitConfig
from cytobench_diffusion.generators import LoraGenerator
from cytobench_diffusion.latents import ShotLatents
from cytobench_diffusion.lora import training_target, warmup_cosine
from cytobench_diffusion.pipeline import load_pipeline

from .tiny import SIDE, context, requests, shots, tiny_pipeline, weights_of

QUICK = {
    "resolution": SIDE,
    "rank": 2,
    "train_steps": 3,
    "warmup_steps": 0,
    "lr": 1e-2,
    "train_batch_size": 4,
}
SAMPLING = DiffusionSampleConfig(steps=3, batch_size=2)


def generator(**changes: object) -> LoraGenerator:
    return LoraGenerator(LoraFitConfig.model_validate(QUICK | changes), SAMPLING)


def test_same_seed_same_bytes_and_another_seed_other_bytes(weights: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("second", 1), ("other", 2)):
        generator().fit(shots(), context(weights, tmp_path / name, seed=seed))
    first, second, other = ((tmp_path / name / ADAPTER_FILE).read_bytes() for name in ("first", "second", "other"))
    assert first == second
    assert first != other


def test_fit_leaves_global_random_state_alone(weights: Path, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    generator().fit(shots(), context(weights, tmp_path))
    assert torch.equal(torch.get_rng_state(), before)


def test_fit_adapts_unet_and_text_encoder_in_float32_and_both_learn(weights: Path, tmp_path: Path) -> None:
    generator().fit(shots(), context(weights, tmp_path))
    tensors = load_file(tmp_path / ADAPTER_FILE)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    for part in ("unet.", "text_encoder."):
        learned = [tensor for name, tensor in tensors.items() if name.startswith(part) and ".up." in name]
        assert learned  # "up" starts at zero, "down" does not
        assert all(tensor.abs().max() > 0 for tensor in learned)


def test_text_encoder_is_left_alone_on_request(weights: Path, tmp_path: Path) -> None:
    generator(train_text_encoder=False).fit(shots(), context(weights, tmp_path))
    assert all(name.startswith("unet.") for name in load_file(tmp_path / ADAPTER_FILE))


def test_training_lowers_the_loss(weights: Path, tmp_path: Path) -> None:
    curves = []
    for lr in (1e-2, 1e-12):  # the same noise and times, so that the curves differ by what was learned alone
        generator(train_steps=40, lr=lr, rank=8).fit(shots(count=2), context(weights, tmp_path))
        curves.append(json.loads((tmp_path / "loss.json").read_text())["loss"])
    learned, untrained = curves
    assert len(learned) == len(untrained) == 40
    assert np.mean(learned[20:]) < 0.99 * np.mean(untrained[20:])


@pytest.mark.parametrize("alpha", [None, 1, 8])
def test_saved_adapter_gives_the_same_images_in_a_plain_pipeline(
    weights: Path, tmp_path: Path, alpha: int | None
) -> None:
    tuned = generator(alpha=alpha)
    tuned.fit(shots(), context(weights, tmp_path / "a"))
    sampler = tuned.open({"A": tmp_path / "a"}, context(weights, tmp_path / "out"))
    drawn = {request.index: image for request, image in sampler.sample(requests(2))}

    pipe = StableDiffusionPipeline.from_pretrained(weights)
    pipe.load_lora_weights(tmp_path / "a")
    noise = [torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1000 + i)) for i in range(2)]
    expected = pipe(
        ["a cell a"] * 2,
        latents=torch.stack(noise),
        num_inference_steps=3,
        guidance_scale=2.0,
        height=SIDE,
        width=SIDE,
        output_type="np",
    ).images
    assert np.abs(np.stack([drawn[0], drawn[1]]) - expected * 255).max() <= 0.51


def test_alpha_scales_what_the_adapter_does(weights: Path, tmp_path: Path) -> None:
    images = {}
    for alpha in (2, 8):
        tuned = generator(alpha=alpha)
        tuned.fit(shots(), context(weights, tmp_path / str(alpha)))
        sampler = tuned.open({"A": tmp_path / str(alpha)}, context(weights, tmp_path / "out"))
        images[alpha] = next(iter(sampler.sample(requests(1))))[1]
    assert not np.array_equal(images[2], images[8])


def test_v_prediction_is_honoured(weights: Path, v_weights: Path, tmp_path: Path) -> None:
    generator().fit(shots(), context(weights, tmp_path / "noise"))
    generator().fit(shots(), context(v_weights, tmp_path / "velocity"))
    first = [json.loads((tmp_path / name / "loss.json").read_text())["loss"][0] for name in ("noise", "velocity")]
    assert first[0] != first[1]  # same weights, noise and times: only the target differs


def test_target_by_prediction_type() -> None:
    clean, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    times = torch.tensor([0, 700])
    for kind in ("epsilon", "v_prediction", "sample"):
        scheduler = DDPMScheduler(prediction_type=kind)
        alpha = scheduler.alphas_cumprod[times].sqrt()[:, None, None, None]
        sigma = (1 - scheduler.alphas_cumprod[times]).sqrt()[:, None, None, None]
        expected = {"epsilon": noise, "v_prediction": alpha * noise - sigma * clean, "sample": clean}[kind]
        torch.testing.assert_close(training_target(scheduler, clean, noise, times), expected)


def test_unknown_prediction_type_is_refused_by_name() -> None:
    scheduler = DDPMScheduler()
    scheduler.register_to_config(prediction_type="flow")
    with pytest.raises(CytobenchError, match="prediction_type is flow"):
        training_target(scheduler, torch.zeros(1), torch.zeros(1), torch.zeros(1, dtype=torch.long))


def test_learning_rate_rises_then_falls_to_nothing() -> None:
    factors = [warmup_cosine(step, 10, 110) for step in range(111)]
    assert factors[0] == 0
    assert factors[5] == 0.5
    assert factors[10] == 1
    assert factors[60] == pytest.approx(0.5)
    assert factors[110] == pytest.approx(0)


@pytest.mark.parametrize(("count", "steps"), [(1, 300), (8, 300), (9, 600), (16, 600)])
def test_paper_steps(count: int, steps: int) -> None:
    assert LoraFitConfig().optimizer_steps(count, 1) == steps


@pytest.mark.parametrize(("images", "epochs", "warmup"), [(16, 300, 100), (1, 300, 300), (1, 101, 100), (16, 10, 100)])
def test_a_rate_that_a_fit_never_reaches_is_told(images: int, epochs: int, warmup: int) -> None:
    config = LoraFitConfig(epochs=epochs, warmup_steps=warmup)
    steps = config.optimizer_steps(images, 1)
    highest = max(warmup_cosine(step, warmup, steps) for step in range(steps))
    told = config.cautions(images, 1)
    assert bool(told) == (highest < 1)
    assert not told or f"rises to {highest * config.lr:.3g} and never reaches lr (0.0001)" in told[0]
    assert not config.model_copy(update={"adapter": "elsewhere"}).cautions(images, 1)


def test_progress_counts_every_step(weights: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    generator().fit(shots(), context(weights, tmp_path, progress=lambda done, of: seen.append((done, of))))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_stop_in_the_middle_leaves_the_pipeline_clean_and_no_adapter(weights: Path, tmp_path: Path) -> None:
    asked = iter([False, True])
    with pytest.raises(Stopped):
        generator(gradient_checkpointing=True).fit(
            shots(), context(weights, tmp_path / "stopped", stop=lambda: next(asked))
        )
    assert not list((tmp_path / "stopped").iterdir())
    ctx = context(weights, tmp_path)
    pipe = load_pipeline(ctx.assets["weights"], "cpu", "float32").pipe
    fresh = weights_of(StableDiffusionPipeline.from_pretrained(weights))
    left = weights_of(pipe)
    assert left.keys() == fresh.keys()
    assert all(torch.equal(left[name], fresh[name]) for name in fresh)
    for model in (pipe.unet, pipe.text_encoder, pipe.vae):
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert not any(module.training for module in model.modules())
    assert not pipe.unet.is_gradient_checkpointing

    generator().fit(shots(), context(weights, tmp_path / "after"))
    generator().fit(shots(), context(weights, tmp_path / "again"))
    after, again = (tmp_path / name / ADAPTER_FILE for name in ("after", "again"))
    assert after.read_bytes() == again.read_bytes()


def test_diverged_training_says_so(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CytobenchError, match=r"loss is nan at step .* set={'sd21-lora': {'lr': "):
        generator(lr=1e30, train_steps=6).fit(shots(), context(weights, tmp_path))
    assert not (tmp_path / ADAPTER_FILE).exists()


def test_no_shots_is_an_error(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no shots"):
        generator().fit(shots(count=0), context(weights, tmp_path))


def test_half_precision_base_trains_a_float32_adapter(weights: Path, tmp_path: Path) -> None:
    generator().fit(shots(), context(weights, tmp_path / "half", dtype="bfloat16"))
    generator().fit(shots(), context(weights, tmp_path / "full"))
    half, full = (load_file(tmp_path / name / ADAPTER_FILE) for name in ("half", "full"))
    assert half.keys() == full.keys()
    assert all(tensor.dtype == torch.float32 for tensor in half.values())
    curves = [json.loads((tmp_path / name / "loss.json").read_text())["loss"] for name in ("half", "full")]
    np.testing.assert_allclose(curves[0], curves[1], rtol=0.05)


def spread(vae: AutoencoderKL, shape: tuple[int, int]) -> float:
    """Standard deviation over repeated draws of the latents of one image of this shape."""
    latents = ShotLatents([shots(count=1, shape=shape)[0]], vae, SIDE)
    random = torch.Generator().manual_seed(0)
    drawn = torch.stack([latents.draw([0], random) for _ in range(32)])
    assert drawn.shape[1:] == (1, 4, SIDE // 2, SIDE // 2)
    return drawn.std(dim=0).mean().item()


def test_latents_are_sampled_from_the_posterior_and_scaled() -> None:
    vae = tiny_pipeline().vae
    with torch.no_grad():
        pixels = torch.from_numpy(shots(count=1, shape=(SIDE, SIDE))[0]).permute(2, 0, 1)[None]
        expected = vae.encode(pixels / 127.5 - 1).latent_dist.std.mean().item()
    assert spread(vae, (SIDE, SIDE)) == pytest.approx(expected * vae.config.scaling_factor, rel=0.05)


def test_square_shots_are_whole_and_oblong_ones_cropped_anew() -> None:
    vae = tiny_pipeline().vae
    with torch.no_grad():  # a posterior without spread, to see the crops alone
        vae.quant_conv.weight[4:] = 0
        vae.quant_conv.bias[4:] = -30
    assert spread(vae, (24, 24)) < 1e-5
    assert spread(vae, (24, 40)) > 1e-3


@pytest.mark.parametrize("shape", [(24, 24), (24, 40)])
def test_latents_are_where_the_model_is(shape: tuple[int, int]) -> None:
    """On the meta device, which like a GPU refuses to compute with tensors of another one."""
    vae = tiny_pipeline().vae.to("meta", torch.bfloat16)
    pictures = [shots(count=2, shape=shape)[i] for i in range(2)]
    drawn = ShotLatents(pictures, vae, SIDE).draw([0, 1], torch.Generator().manual_seed(0))
    assert (drawn.device.type, drawn.dtype) == ("meta", torch.float32)
    assert drawn.shape == (2, 4, SIDE // 2, SIDE // 2)


def test_shots_of_any_shape_can_be_tuned_on(weights: Path, tmp_path: Path) -> None:
    generator().fit(shots(shape=(20, 37)), context(weights, tmp_path))
    assert (tmp_path / ADAPTER_FILE).is_file()
