"""A page of every results folder, and one that lists them: ``python benchmarks/pages.py site``.

Writes ``site/NAME/`` for each folder in ``results/`` that holds records, or folders with records, and
``site/index.html``. Pages that are there are made again.
"""

from __future__ import annotations

import argparse
import time
from html import escape
from pathlib import Path
from urllib.parse import quote

from cytobench.atomic import write_bytes
from cytobench.reporting.page import Options, make_report
from cytobench.reporting.page.gather import read_groups
from cytobench.reporting.page.verdict import verdict

RESULTS = Path(__file__).resolve().parents[1] / "results"
STYLE = (
    "body{font:17px/1.6 system-ui,sans-serif;max-width:46rem;margin:4rem auto;padding:0 1rem}"
    "body{color:#1d1b24;background:#fbfaf8}"
    "li{margin:1rem 0}a{color:#5a3089}"
    "@media(prefers-color-scheme:dark){body{color:#edeaf2;background:#141319}a{color:#cbb1f0}}"
)


def main() -> None:
    """Make all pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    items = []
    for folder in sorted(RESULTS.iterdir()):
        if not (any(folder.glob("records/*.json")) or any(folder.glob("*/records/*.json"))):
            continue
        started = time.perf_counter()
        page = make_report([folder], out / folder.name, Options())
        print(f"{page}  {time.perf_counter() - started:.1f} s", flush=True)
        items.append(_item(folder))
    write_bytes(out / "index.html", _index(items).encode())


def _item(folder: Path) -> str:
    """A line of the list: the name of a results folder, and what its first section says."""
    headline = verdict(read_groups([folder])[0])
    link = f'<a href="{quote(folder.name)}/index.html">{escape(folder.name)}</a>'
    return f"<li>{link}<br><strong>{escape(headline.lead)}</strong>: {escape(headline.rest)}</li>"


def _index(items: list[str]) -> str:
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>cytobench results</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
    )
    return f"{head}<body><main><h1>cytobench results</h1><ul>{''.join(items)}</ul></main></body></html>\n"


if __name__ == "__main__":
    main()
