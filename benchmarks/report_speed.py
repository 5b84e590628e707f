"""How long a page takes to make and to show: ``python benchmarks/report_speed.py``.

Multiplies the records of ``results/pbc-strict-pocket`` to 10, 100 and 1,000 trials (``--trials``) in a temporary
folder, each row under settings and numbers of images of its own, the largest with 75,000 synthetic images. Prints for
each, as a folder and as a file: seconds and CPU seconds to make the page, bytes of all its files, bytes that a browser
loads before the reader scrolls, and milliseconds in headless Chromium to the first contentful paint and to the load
event (medians of ``--repeat`` openings from disk).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from cytobench.reporting.page import Options, make_report
from cytobench.storage.records import Record, predictions_of, read_record_files, write_record

SOURCE = Path(__file__).resolve().parents[1] / "results" / "pbc-strict-pocket"
FOLDS = 5
PAINT = """() => new Promise((done) => {
  const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const load = performance.timing.loadEventEnd - performance.timing.navigationStart;
    if (paint && load > 0) done([paint.startTime, load]); else setTimeout(look, 5);
  };
  look();
})"""


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for trials in arguments.trials:
            results = multiplied(trials, Path(place) / f"results{trials}")
            for single in (False, True):
                measure(results, trials, single, browser, arguments.repeat)
        browser.close()


def multiplied(trials: int, out: Path) -> Path:
    """So many trials, five folds a row, with the predictions and stages of recorded ones."""
    records = read_record_files([SOURCE])
    rows: dict[str, list[tuple[Record, Path]]] = {}
    for file, record in records.items():
        rows.setdefault(record.row, []).append((record, file))
    turn = cycle(sorted(rows, key=lambda row: (not row.startswith(("none/clip", "sd21-lora/clip")), row)))
    for number in range(trials // FOLDS):
        for record, file in rows[next(turn)]:
            n = record.n_synthetic and (7_500 if number < len(rows) else record.n_synthetic + number)
            generator = record.generator.name if record.generator else "none"
            settings = {**record.classifier.config, "try": number // len(rows)}
            changes = {
                "row": f"{generator}/{record.classifier.name}/s{record.shots}/n{n}",
                "trial": f"row{number}__fold{record.protocol.fold}",
                "n_synthetic": n,
                "classifier": record.classifier.model_copy(update={"config": settings}),
            }
            write_record(out, record.model_copy(update=changes), predictions_of(record, file))
    shutil.copytree(SOURCE / "thumbnails", out / "thumbnails")
    return out


def measure(results: Path, trials: int, single: bool, browser: Browser, repeat: int) -> None:
    """Make a page, open it, and print what it took."""
    out = results.with_name(f"page{trials}.html" if single else f"page{trials}")
    wall, cpu = time.perf_counter(), time.process_time()
    page = make_report([results], out, Options(single_file=single))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    total = sum(file.stat().st_size for file in ([page] if single else out.rglob("*")) if file.is_file())
    shown = [opened(page, browser) for _ in range(repeat)]
    paint, load, size = (statistics.median(opening[i] for opening in shown) for i in range(3))
    print(
        f"{trials:5} trials, {'file  ' if single else 'folder'}: made in {wall:.1f} s ({cpu:.1f} s of CPU time), "
        f"{total / 1e6:.2f} MB, first {size / 1e6:.2f} MB; first paint {paint:.0f} ms, loaded {load:.0f} ms",
        flush=True,
    )


def opened(page: Path, browser: Browser) -> tuple[float, float, float]:
    """Milliseconds to first paint and to load, and bytes loaded by then, with nothing cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page.resolve().as_uri())
    paint, load = tab.evaluate(PAINT)
    context.close()
    files = {Path(url.removeprefix("file://").partition("#")[0]) for url in asked if url.startswith("file:")}
    return paint, load, sum(file.stat().st_size for file in files)


if __name__ == "__main__":
    main()
