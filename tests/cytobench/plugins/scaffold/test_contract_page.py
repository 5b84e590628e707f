"""docs/plugins/contract.md has every hook, argument, field and method, and none that is not there."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from cytobench import contract, hookspecs
from cytobench.assets import AssetReference
from cytobench.context import Context
from cytobench.images import Images
from cytobench.plugins.kinds import KINDS

DOCS = Path(__file__).parents[4] / "docs"
PAGE = (DOCS / "plugins" / "contract.md").read_text()
PAGES = [DOCS / "plugins.md", *sorted((DOCS / "plugins").glob("*.md"))]
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("cytobench_")}
HANDED = (contract.Request, contract.Ran, contract.Checkpoints, Context, Images, AssetReference)
CONFIGS = (contract.PluginConfig, contract.SampleConfig)
PROTOCOLS = [
    protocol
    for protocol in vars(contract).values()
    if getattr(protocol, "_is_protocol", False) and protocol.__module__ == contract.__name__
]
DOCUMENTED = [*(kind.spec for kind in KINDS), *HANDED, *CONFIGS, *PROTOCOLS]
CALLED = {Context: {"progress": "progress(done, total)", "stop": "stop()", "time": "time(part)"}}
"""Fields that are called, as the page shows them."""
SPECIAL = {
    contract.DatasetFactory: {"(folder)"},
    contract.MetricFunction: {"(true, predicted, labels)", "true", "predicted", "labels"},
}
"""What is no member with a name of its own."""


def documented(title: str) -> set[str]:
    """What the first column of the table of a section has in code."""
    section = re.search(rf"^### `{title}`\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    assert section is not None, f"no section {title}"
    cells = re.findall(r"^\| (`.*?) \|", section[1], re.M)
    return {code for cell in cells for code in re.findall(r"`([^`]+)`", cell)}


def members(kind: Any) -> set[str]:
    """Fields, class variables and methods of a class itself, methods with their arguments."""
    if kind in SPECIAL:
        return SPECIAL[kind]
    public = {name: value for name, value in vars(kind).items() if not name.startswith("_") and name != "model_config"}
    methods = {name: value for name, value in public.items() if inspect.isfunction(value)}
    shown = {
        f"{name}({', '.join(list(inspect.signature(method).parameters)[1:])})" for name, method in methods.items()
    }
    shown |= {name for name, value in public.items() if isinstance(value, property)}
    if is_dataclass(kind):
        names = {field.name for field in fields(kind)}
        # A field whose default is a function looks like a method.
        shown = {member for member in shown if member.partition("(")[0] not in names} | names
    else:
        shown |= {name for name in inspect.get_annotations(kind) if name != "model_config"}
    if issubclass(kind, BaseModel):
        shown -= {f"{name}(value)" for name in kind.__pydantic_decorators__.field_validators}
    called = CALLED.get(kind, {})
    return {called.get(name, name) for name in shown}


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: kind.__name__)
def test_every_member_is_documented_and_nothing_else(kind: Any) -> None:
    shown = documented(kind.__name__)
    if kind is Images:
        assert {"images[i]", "len(images)"} <= shown
        shown -= {"images[i]", "len(images)"}
    assert shown == members(kind)


def test_every_protocol_is_among_them() -> None:
    names = {"Generator", "Sampler", "Classifier", "Predictor", "Extractor", "OpenedExtractor"}
    names |= {"DatasetFactory", "MetricFunction"}
    assert {protocol.__name__ for protocol in PROTOCOLS} == names


def test_every_hook_is_documented_with_its_arguments() -> None:
    section = PAGE[PAGE.index("## Hooks") : PAGE.index("## Specs")]
    shown = re.findall(r"^\| `(cytobench_\w+\([^)]*\))` \|", section, re.M)
    signatures = {name: list(inspect.signature(hook).parameters) for name, hook in HOOKS.items()}
    assert sorted(shown) == sorted(f"{name}({', '.join(arguments)})" for name, arguments in signatures.items())
    explained = set(re.findall(r"^\| `(\w+)` \|", section, re.M))
    assert explained == {argument for arguments in signatures.values() for argument in arguments}


def test_the_contract_number_is_the_one_of_the_page() -> None:
    page = (DOCS / "plugins" / "publishing.md").read_text()
    assert f"`cytobench.contract.CONTRACT`, now {contract.CONTRACT}," in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file.read_text()), f"{page.name}: {target}"


def anchors(text: str) -> set[str]:
    """Headings as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
