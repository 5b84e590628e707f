"""The picture of docs/architecture.md: which folders of cytobench import which, from the code's imports.

``python docs/imports.py`` writes it between the two marks of the page; ``--check`` fails where it is not current.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import grimp

PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- imports: begin -->\n", "<!-- imports: end -->"
ROOT = "the root"
"""Stands for the public modules that lie in no folder."""


def folder_imports() -> dict[str, set[str]]:
    """By folder of ``cytobench``, the folders that its modules import; modules of the root are one."""
    graph = grimp.build_graph("cytobench", cache_dir=None)
    folders = {child.split(".")[1] for child in graph.find_children("cytobench") if graph.find_children(child)}

    def folder(module: str) -> str:
        name = module.split(".")[1]
        return name if name in folders else "api" if name == "api" else ROOT

    imports: dict[str, set[str]] = {}
    for module in sorted(graph.modules - {"cytobench", "cytobench.__main__"}):
        lower = {folder(imported) for imported in graph.find_modules_directly_imported_by(module)}
        imports.setdefault(folder(module), set()).update(lower - {folder(module)})
    return imports


def without_shortcuts(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same without the imports that another way down implies (transitive reduction)."""

    def below(folder: str) -> set[str]:
        return {folder}.union(*(below(lower) for lower in imports[folder]))

    return {
        folder: {lower for lower in lowers if not any(lower in below(other) for other in lowers - {lower})}
        for folder, lowers in imports.items()
    }


def picture() -> str:
    """The imports as a Mermaid flow chart."""
    arrows = [
        f'    {folder.replace(" ", "_")}["{folder}"] --> {lower.replace(" ", "_")}["{lower}"]'
        for folder, lowers in sorted(without_shortcuts(folder_imports()).items())
        for lower in sorted(lowers)
    ]
    return "\n".join(["```mermaid", "flowchart TD", *arrows, "```", ""])


def main() -> int:
    """Write the picture, or with ``--check`` compare it; the exit code is 1 where it is not current."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    current = f"{before}{BEGIN}{picture()}{END}{after}"
    if sys.argv[1:] == ["--check"]:
        if text != current:
            print(f"{PAGE} does not show the imports as they are: run python {Path(__file__).name} in docs/")
        return int(text != current)
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
