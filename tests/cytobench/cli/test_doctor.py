"""The command ``doctor``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cytobench.assets import AssetReference
from cytobench.cli import main
from cytobench.pipeline.doctor import locate

from ..distributions import Site, classifier, returning


def run(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_json_says_versions_devices_and_where_weights_are(capsys) -> None:
    found = json.loads(run(capsys, "--json"))
    assert found["packages"]["cytobench"]
    assert [one["device"] for one in found["devices"] if one["default"]]
    assert found["folders"]["data cache"]["free_gib"] > 0
    paper = [one for one in found["weights"] if (one["plugin"], one["preset"]) == ("sd21-lora", "paper")]
    assert paper
    for one in found["weights"]:
        assert (one["path"] is None) != (one["ways_out"] is None)


def test_text_names_ways_out_for_weights_that_are_not_here(capsys, monkeypatch, tmp_path: Path) -> None:
    # An empty Hub cache, whatever this machine has.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    text = run(capsys)
    assert "sd21-lora paper" in text
    assert "--set sd21-lora.weights=PATH" in text


def test_weights_of_two_plugins_of_one_name_are_told_once_and_each_has_its_own_way_out(
    capsys, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = json.loads(run(capsys, "--json"))["weights"]
    assert len([one for one in found if (one["plugin"], one["preset"]) == ("clip", "paper")]) == 1
    ways_out = {(one["plugin"], one["preset"]): one["ways_out"] for one in found}
    assert "take --extractor lite0" in ways_out["dinov2", "pocket"]
    assert "--preset pocket" in ways_out["clip", "paper"]


def test_locate(tmp_path: Path) -> None:
    assert locate(AssetReference(str(tmp_path))) is None
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "x.safetensors").touch()
    assert locate(AssetReference(str(tmp_path))) == tmp_path
    assert locate(AssetReference("package:cytobench_no_such/weights")) is None
    assert locate(AssetReference("package:cytobench/cli", patterns=("*.py",))).name == "cli"


def test_third_party_and_broken_plugins_are_told(site: Site, capfd) -> None:
    """A configuration that breaks hides no other plugin's weights; what it prints stays out of the JSON."""
    config = (
        "from cytobench.contract import PluginConfig\nclass Config(PluginConfig):\n    def assets(self):\n"
        "        print('loud')\n        raise KeyError('weights')\n"
    )
    source = returning(f"[{classifier('forest', config='forest_config:Config')}]")
    site.install("cytobench-good", source, modules={"forest_config": config})
    site.install("cytobench-bad", "raise RuntimeError('no luck')\n")
    found = json.loads(run(capfd, "--json"))
    good = {"plugin": "good", "distribution": "cytobench-good", "version": "1.2", "built_in": False}
    assert good in found["plugins"]
    assert {one["built_in"] for one in found["plugins"] if one["distribution"] == "cytobench"} == {True}
    assert [one.partition(":")[0] for one in found["problems"]] == [
        "bad (cytobench-bad 1.2)",
        "forest (cytobench-good 1.2), preset pocket",
        "forest (cytobench-good 1.2), preset paper",
    ]
    assert any(one["plugin"] == "sd21-lora" for one in found["weights"])
    text = run(capfd)
    assert "good (cytobench-good 1.2, third-party)" in text and "diffusion (cytobench" in text
