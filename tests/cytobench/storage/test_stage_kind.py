"""Kinds of stages are named in one place: elsewhere they are members of an enumeration, never texts."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cytobench
from cytobench.storage.stage_kind import StageKind

CORE = Path(cytobench.__file__).parent


@pytest.mark.parametrize("file", sorted(CORE.rglob("*.py")), ids=lambda file: file.relative_to(CORE).as_posix())
def test_no_module_compares_a_kind_with_a_text(file: Path) -> None:
    compared = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Compare)]
    of_kinds = [node for node in compared if isinstance(node.left, ast.Attribute) and node.left.attr == "kind"]
    texts = {
        constant.value
        for node in of_kinds
        for side in node.comparators
        for constant in ast.walk(side)
        if isinstance(constant, ast.Constant)
    }
    assert not texts & set(StageKind)
