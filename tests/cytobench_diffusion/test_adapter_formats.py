"""Adapters as other programs save them: loaded whole, with the values that a merge by hand gives, or refused."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from diffusers.utils import convert_state_dict_to_kohya
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cytobench.assets import resolve_asset
from cytobench.errors import CytobenchError, UserError
from cytobench_diffusion.adapter import take_adapter
from cytobench_diffusion.adapter_place import ADAPTER_FILE, PEFT_CONFIG, PEFT_FILE
from cytobench_diffusion.config import LoraFitConfig
from cytobench_diffusion.pipeline import LoadedPipeline, load_pipeline

from .tiny import WIDTH, context

Tensors = dict[str, Tensor]
UNET = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.0.proj", "conv1", "conv_in", "time_emb_proj")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1")
RANK, ALPHA = 2, 3.0
PROCESSORS = {"to_q": "to_q", "to_k": "to_k", "to_v": "to_v", "to_out.0": "to_out"}
PROCESSORS |= {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}


@pytest.fixture
def loaded(weights: Path, tmp_path: Path) -> LoadedPipeline:
    return load_pipeline(context(weights, tmp_path / "loading").assets["weights"], "cpu", "float32")


@pytest.fixture
def layers(loaded: LoadedPipeline) -> dict[str, tuple[Tensor, Tensor]]:
    """Low-rank pairs of layers of every kind, by part and module, drawn anew."""
    random = torch.Generator().manual_seed(4)
    pairs = {}
    for part, targets in (("unet", UNET), ("text_encoder", TEXT)):
        for name, module in loaded.models[part].named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)) and name.endswith(targets):
                outputs, inputs, *size = module.weight.shape
                down = 0.3 * torch.randn(RANK, inputs, *size, generator=random)
                up = 0.3 * torch.randn(outputs, RANK, *(1 for _ in size), generator=random)
                pairs[f"{part}.{name}"] = down, up
    assert len(pairs) > 20
    return pairs


def merged(loaded: LoadedPipeline, pairs: Mapping[str, tuple[Tensor, Tensor]], scale: float) -> dict[str, Tensor]:
    """What UNet and text encoder answer with W + scale * up @ down in place of each weight W, written out by hand."""
    models = {part: copy.deepcopy(model) for part, model in loaded.models.items()}
    for name, (down, up) in pairs.items():
        part, _, module = name.partition(".")
        weight = models[part].get_submodule(module).weight
        with torch.no_grad():
            weight += scale * (up.flatten(1) @ down.flatten(1)).view_as(weight)
    return answers(models)


@torch.no_grad()
def answers(models: Mapping[str, Any]) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    text = models["text_encoder"](torch.arange(1, 12)[None])[0]
    noisy, words = torch.randn(2, 4, 8, 8, generator=random), torch.randn(2, 7, WIDTH, generator=random)
    return {"text_encoder": text, "unet": models["unet"](noisy, torch.tensor([3, 900]), words).sample}


def write(folder: Path, tensors: Tensors, name: str = ADAPTER_FILE, **metadata: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    whole = {key: value.contiguous().clone() for key, value in tensors.items()}
    save_file(whole, folder / name, metadata={"format": "pt", **metadata})
    return folder / name


def worn(loaded: LoadedPipeline, place: Path, out: Path) -> dict[str, Tensor]:
    """The answers with an adapter on, taken as a fit takes it."""
    config = LoraFitConfig(adapter=str(place))
    asset = resolve_asset(config.assets()["adapter"], "sd21-lora.adapter")
    out.mkdir()
    take_adapter(loaded, asset, "A", out)
    loaded.wear(out)
    found = answers(loaded.models)
    loaded.clean()
    return found


def same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    return all(torch.allclose(found[part], expected[part], atol=1e-5) for part in expected)


def diffusers(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> Tensors:
    return {f"{name}.lora_{side}.weight": pair[i] for name, pair in pairs.items() for i, side in enumerate("AB")}


def older(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> Tensors:
    tensors = {}
    for name, (down, up) in pairs.items():
        layer = "lora" if name.startswith("unet") else "lora_linear_layer"
        name = name.replace("text_encoder.", "text_encoder.text_model.")
        tensors |= {f"{name}.{layer}.down.weight": down, f"{name}.{layer}.up.weight": up}
    return tensors


def processors(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> Tensors:
    """As ``unet.save_attn_procs`` named them, and what is no attention as diffusers does."""
    tensors = {}
    for name, (down, up) in pairs.items():
        last = next((target for target in PROCESSORS if name.endswith(f".{target}")), None)
        if last is None:
            tensors |= older({name: (down, up)})
            continue
        parent = name.removesuffix(f".{last}") + (".processor" if name.startswith("unet") else "")
        tensors[f"{parent}.{PROCESSORS[last]}_lora.down.weight"] = down
        tensors[f"{parent}.{PROCESSORS[last]}_lora.up.weight"] = up
    return tensors


def without_parts(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> Tensors:
    return {name.partition(".")[2]: tensor for name, tensor in diffusers(pairs).items()}


def in_pefts_names(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> Tensors:
    return {f"base_model.model.{name}": tensor for name, tensor in without_parts(pairs).items()}


def kohya(pairs: Mapping[str, tuple[Tensor, Tensor]], alpha: float | None = None) -> Tensors:
    tensors = {}
    for name, (down, up) in pairs.items():
        flat = name.replace("text_encoder.", "lora_te_text_model.").replace("unet.", "lora_unet_").replace(".", "_")
        tensors |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up}
        if alpha is not None:
            tensors[f"{flat}.alpha"] = torch.tensor(alpha)
    return tensors


def in_one_pixel(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> Tensors:
    """Linear layers as convolutions of one pixel, as kohya saves those of Stable Diffusion 1."""
    return {name: t[:, :, None, None] if t.ndim == 2 else t for name, t in kohya(pairs).items()}


FORMATS: dict[str, Callable[..., Tensors]] = {
    maker.__name__: maker
    for maker in (diffusers, older, processors, without_parts, in_pefts_names, kohya, in_one_pixel)
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("part", ["both", "unet", "text_encoder"])
def test_every_format_computes_what_a_merge_by_hand_computes(
    loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path, name: str, part: str
) -> None:
    pairs = {layer: pair for layer, pair in layers.items() if part == "both" or layer.startswith(f"{part}.")}
    file = write(tmp_path / "given", FORMATS[name](pairs))
    found, expected, base = worn(loaded, file, tmp_path / "out"), merged(loaded, pairs, 1.0), answers(loaded.models)
    assert same(found, expected)
    changed = {part for part in base if not torch.allclose(found[part], base[part], atol=1e-3)}
    assert changed == ({"unet", "text_encoder"} if part == "both" else {part})


def test_the_alpha_of_kohya_scales_each_layer(loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path) -> None:
    file = write(tmp_path, kohya(layers, ALPHA), "my_cells.safetensors")
    assert same(worn(loaded, file, tmp_path / "out"), merged(loaded, layers, ALPHA / RANK))


def test_what_diffusers_itself_writes_for_kohya_is_taken(
    loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path
) -> None:
    pairs = {name: pair for name, pair in layers.items() if name.startswith("unet.") and pair[0].ndim == 2}
    tensors = convert_state_dict_to_kohya({f"{name}": tensor for name, tensor in diffusers(pairs).items()})
    assert any(name.endswith(".alpha") for name in tensors)
    assert same(worn(loaded, write(tmp_path, tensors), tmp_path / "out"), merged(loaded, pairs, 1.0))


def test_the_alpha_in_the_metadata_of_diffusers_scales(
    loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path
) -> None:
    said = {f"{part}.{key}": value for part in loaded.models for key, value in (("r", RANK), ("lora_alpha", ALPHA))}
    file = write(tmp_path, diffusers(layers), lora_adapter_metadata=json.dumps(said))
    assert same(worn(loaded, file, tmp_path / "out"), merged(loaded, layers, ALPHA / RANK))


def test_layers_of_other_ranks_each_have_their_own(
    loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path
) -> None:
    wider = {
        name: tuple(torch.cat([side, side], dim=i) for i, side in enumerate(pair)) if "to_q" in name else pair
        for name, pair in layers.items()
    }
    assert same(worn(loaded, write(tmp_path, diffusers(wider)), tmp_path / "out"), merged(loaded, wider, 1.0))


PEFT = {
    "plain": {},
    "rank-stabilised": {"use_rslora": True},
    "patterns": {"rank_pattern": {"to_q": 3}, "alpha_pattern": {"to_k": 9}},
    "dora": {"use_dora": True},
}


@pytest.mark.parametrize("name", PEFT)
@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_what_peft_saves_computes_what_peft_computes(
    loaded: LoadedPipeline, tmp_path: Path, name: str, part: str
) -> None:
    targets = ["to_q", "to_k", "conv1"] if part == "unet" else ["q_proj", "fc1"]
    config = peft.LoraConfig(r=RANK, lora_alpha=5, target_modules=targets, **PEFT[name])
    model: Any = peft.get_peft_model(copy.deepcopy(loaded.models[part]), config)
    random = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if ".lora_" in key:
                value += 0.2 * torch.randn(value.shape, generator=random)
    model.save_pretrained(tmp_path / "given")
    assert {PEFT_FILE, PEFT_CONFIG} <= {file.name for file in (tmp_path / "given").iterdir()}
    expected = answers({**loaded.models, part: model.base_model.model.eval()})
    for place in (tmp_path / "given", tmp_path / "given" / PEFT_FILE):
        found = worn(loaded, place, tmp_path / f"out{place.suffix}")
        assert same(found, expected)
    assert not torch.allclose(found[part], answers(loaded.models)[part], atol=1e-3)


def test_the_dora_scale_of_lycoris_is_applied(loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path) -> None:
    pairs = {name: pair for name, pair in layers.items() if pair[0].ndim == 2}
    tensors, models = kohya(pairs, ALPHA), {part: copy.deepcopy(model) for part, model in loaded.models.items()}
    for name, (down, up) in pairs.items():
        part, _, module = name.partition(".")
        weight = models[part].get_submodule(module).weight
        norms = 0.5 + torch.rand(weight.shape[0], 1, generator=torch.Generator().manual_seed(1))
        flat = name.replace("text_encoder.", "lora_te_text_model.").replace("unet.", "lora_unet_").replace(".", "_")
        tensors[f"{flat}.dora_scale"] = norms
        with torch.no_grad():
            summed = weight + ALPHA / RANK * up @ down
            weight.copy_(norms * summed / summed.norm(dim=1, keepdim=True))
    assert same(worn(loaded, write(tmp_path, tensors), tmp_path / "out"), answers(models))


def test_half_precision_is_read(loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path) -> None:
    half = {name: tuple(side.half() for side in pair) for name, pair in layers.items()}
    whole = {name: tuple(side.float() for side in pair) for name, pair in half.items()}
    assert same(worn(loaded, write(tmp_path, diffusers(half)), tmp_path / "out"), merged(loaded, whole, 1.0))


def renamed(old: str, new: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name.replace(old, new): tensor for name, tensor in tensors.items()}


def changed(end: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors], Tensors]:
    """The first tensor of this name changed."""

    def make(tensors: Tensors) -> Tensors:
        name = next(name for name in tensors if name.endswith(end))
        return {**tensors, name: change(tensors[name])}

    return make


def more(name: str, shape: tuple[int, ...] = (2, 4)) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: torch.ones(shape)}


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name}


def put(value: float) -> Callable[[Tensor], Tensor]:
    return lambda tensor: torch.where(torch.arange(tensor.numel()).view_as(tensor) == 3, value, tensor)


REFUSED: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "other block names": (renamed("mid_block.attentions.0", "middle_block.1"), "original layout"),
    "a layer too many": (more("unet.down_blocks.9.attn.to_q.lora_A.weight"), "belong to no layer"),
    "the text encoder of another model": (renamed("text_encoder.", "text_encoder_2."), "SDXL"),
    "kohya's second text encoder": (more("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"), "SDXL"),
    "Flux": (renamed("unet.", "transformer.single_transformer_blocks.0."), "Flux"),
    "Flux of kohya": (more("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight"), "Flux"),
    "a transformer": (renamed("unet.", "transformer."), "transformer"),
    "LoHa": (more("lora_unet_mid_block_attentions_0_proj_in.hada_w1_a"), "LoHa"),
    "a bias": (more("unet.conv_in.lora_B.bias", (16,)), "low-rank pair"),
    "a whole weight": (more("unet.conv_in.weight", (16, 4, 3, 3)), "belong to no layer"),
    "no up": (without("unet.conv_in.lora_B.weight"), "up (lora_B)"),
    "no down": (without("unet.conv_in.lora_A.weight"), "down (lora_A)"),
    "texts of width 768": (changed("attn2.to_k.lora_A.weight", lambda t: torch.ones(2, 768)), "Stable Diffusion 1"),
    "texts of width 2048": (changed("attn2.to_k.lora_A.weight", lambda t: torch.ones(2, 2048)), "SDXL"),
    "ranks that differ in a pair": (changed("to_q.lora_A.weight", lambda t: t.repeat(2, 1)), "has other shapes"),
    "NaN": (changed("to_q.lora_A.weight", put(float("nan"))), "NaN or infinity"),
    "infinity": (changed("fc1.lora_B.weight", put(float("inf"))), "NaN or infinity"),
    "nothing": (lambda tensors: {}, "no tensor"),
    "the same layer twice": (more("unet.conv_in.lora.down.weight", (2, 4, 3, 3)), "two tensors"),
    "DoRA of some layers": (more("unet.conv_in.lora_magnitude_vector", (16,)), "DoRA"),
    "DoRA along inputs": (more("unet.conv_in.dora_scale", (1, 4)), "one number an output"),
    "many alphas": (more("unet.conv_in.alpha", (3,)), "not one number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_loaded_whole_is_refused(
    loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path, case: str
) -> None:
    change, word = REFUSED[case]
    file = write(tmp_path / "given", change(diffusers(layers)))
    with pytest.raises(CytobenchError) as refused:
        worn(loaded, file, tmp_path / "out")
    message = str(refused.value)
    assert word in message and str(file) in message and len(message.splitlines()) <= 5
    assert not (tmp_path / "out" / ADAPTER_FILE).exists()
    assert same(answers(loaded.models), merged(loaded, {}, 1.0)), "and the pipeline is clean"


def test_what_a_file_of_peft_says_of_itself_is_heeded(
    loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path
) -> None:
    unet = in_pefts_names({name: pair for name, pair in layers.items() if name.startswith("unet.")})
    file = write(tmp_path / "given", unet, PEFT_FILE)
    with pytest.raises(CytobenchError, match=r"adapter_config\.json is not beside it.*lora_alpha"):
        worn(loaded, file, tmp_path / "a")
    for number, (said, word) in enumerate(
        (({"peft_type": "LOHA"}, "LOHA"), ({"init_lora_weights": "pissa_niter_4"}, "changes the base"), ([], "read"))
    ):
        file.with_name(PEFT_CONFIG).write_text(json.dumps(said))
        with pytest.raises(CytobenchError, match=word):
            worn(loaded, file, tmp_path / f"out{number}")


def test_a_file_that_is_no_safetensors_is_named(loaded: LoadedPipeline, tmp_path: Path) -> None:
    (tmp_path / ADAPTER_FILE).write_bytes(b"\x80\x04N.")
    with pytest.raises(CytobenchError, match=r"no safetensors file, or damaged"):
        worn(loaded, tmp_path / ADAPTER_FILE, tmp_path / "out")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([ADAPTER_FILE, f"BAS/{ADAPTER_FILE}"], ["one adapter for all classes", f"BAS/{ADAPTER_FILE}"]),
        ([ADAPTER_FILE, PEFT_FILE], ["holds 2 adapters"]),
        (["a.safetensors", "b.safetensors"], ["holds 2 adapters", "a.safetensors, b.safetensors"]),
        (["A/a.safetensors", "A/b.safetensors"], ["holds 2 adapters"]),
        (["pytorch_lora_weights.bin"], ["is a pickle", "save_file"]),
        (["A/adapter_model.bin"], ["is a pickle"]),
        (["readme.md"], ["holds no file matching *.safetensors"]),
    ],
)
def test_a_folder_that_does_not_say_which_adapter_is_meant_is_refused(
    tmp_path: Path, files: list[str], words: list[str]
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError) as refused:
        resolve_asset(LoraFitConfig(adapter=str(tmp_path)).assets()["adapter"], "sd21-lora.adapter")
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize("suffix", ["bin", "ckpt", "pt", "PTH"])
def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"lora.{suffix}").write_bytes(b"x")
    with pytest.raises(UserError, match=r"is a pickle.*safetensors\.torch\.save_file"):
        resolve_asset(LoraFitConfig(adapter=str(tmp_path / f"lora.{suffix}")).assets()["adapter"], "p.adapter")


def test_the_strength_of_peft_is_part_of_the_digest(tmp_path: Path) -> None:
    write(tmp_path / "given", {"a": torch.ones(2)}, PEFT_FILE)
    digests = set()
    for alpha in (1, 2):
        (tmp_path / "given" / PEFT_CONFIG).write_text(json.dumps({"lora_alpha": alpha}))
        for place in (tmp_path / "given", tmp_path / "given" / PEFT_FILE):
            reference = LoraFitConfig(adapter=str(place)).assets()["adapter"]
            digests.add(resolve_asset(reference, "sd21-lora.adapter").digest)
    assert len(digests) == 2


def test_one_file_a_class_under_any_name(loaded: LoadedPipeline, layers: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "given" / "A", kohya(layers), "my_cells-000010.safetensors")
    shutil.copytree(tmp_path / "given" / "A", tmp_path / "given" / "B")
    assert same(worn(loaded, tmp_path / "given", tmp_path / "out"), merged(loaded, layers, 1.0))
    assert load_file(tmp_path / "out" / ADAPTER_FILE).keys() == kohya(layers).keys()
