"""Does the path of the preset ``paper`` work on a GPU? Checked without its weights. Never yet run on a GPU.

Writes a Stable Diffusion 2.1 and a CLIP ViT-B/32 of the published shapes with random numbers in them, and drives
cytobench's own stages with the preset ``paper`` for a few steps: an adapter is tuned at 512 px, images are sampled,
both classifiers trained and used. Prints a line a check, then the stages with seconds, rate and peak memory:

    python benchmarks/gpu_check.py

It needs an NVIDIA GPU, 5 GB of disk and 8 GB of memory. Where the GPU's memory is too small for the study's batch of 8,
add ``--set sd21-lora.gradient_checkpointing=true``. ``--rehearse`` does the same at toy shapes on the CPU in half a
minute: it shows that this script works, and proves nothing about a GPU. Exit codes: 0 all checks held, 1 one did not,
2 there is no GPU, or an option is wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import mmap
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file
from torch.optim.optimizer import register_optimizer_step_post_hook

from cytobench.atomic import write_bytes
from cytobench.cli.run import parse_set
from cytobench.config.grid import Trial
from cytobench.errors import UserError
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.doctor import devices
from cytobench.pipeline.environment import device_info, environment
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.work import run_stage
from cytobench.storage.store import Store
from cytobench_diffusion.adapter_place import ADAPTER_FILE
from cytobench_diffusion.pipeline import load_pipeline
from findings import Findings
from paper_run import CLASSIFIERS, FULL, GENERATOR, REHEARSAL, Length, PaperRun
from random_weights import PARTS, sizes

BLOCK_MIB = 256
"""What is allocated to see whether the peak of memory is reset."""
ROUNDS = 5
"""Repetitions of what is timed by both clocks."""
COMMAND = (sys.executable, "-c", "from cytobench.cli import main; main()", "run", "--quiet")
PACKAGES = ("torch", "torchvision", "diffusers", "transformers", "peft", "timm", "open_clip_torch", "safetensors")
NOTHING_PROVED = "This is a rehearsal at toy shapes on the CPU: it proves nothing about a GPU."


class Session:
    """The checks of one run; the methods are called in the order they stand in."""

    def __init__(self, run: PaperRun, findings: Findings, tolerance: float) -> None:
        self.run, self.findings, self.tolerance = run, findings, tolerance
        self.on_gpu = run.scale.device != "cpu"

    def weights(self) -> None:
        """The sizes of what was written, counted in the files."""
        for part, expected in self.run.scale.parameters.items():
            count, _, dtypes = sizes(self.run.work / "sd" / PARTS[part])
            self.findings.expect(
                f"weights of the {part}",
                count == expected and dtypes == {"F16"},
                f"{expected:,} parameters in F16",
                f"{count:,} parameters in {', '.join(sorted(dtypes))}",
            )

    def kill_a_run(self) -> None:
        """``cytobench run`` in another process, killed with SIGKILL after its first block of images."""
        work, log = self.run.work, self.run.work / "killed.log"
        declared = work / "killed.toml"
        write_bytes(declared, self.run.benchmark(["random"]).to_toml().encode())
        command = [*COMMAND, str(declared), "--out", str(work / "killed"), "--store", str(work / "store")]
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
            try:
                while process.poll() is None and not self.run.blocks():
                    time.sleep(0.01)
            finally:
                process.kill()
        done, total = len(self.run.blocks()), self.run.all_blocks
        last = (log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]
        self.findings.expect(
            "a run is killed while it samples",
            0 < done < total,
            f"1 to {total - 1} of {total} blocks of images done",
            f"{done} of {total} blocks of images done" + ("" if done else f"; its last line: {last}"),
        )

    def fit(self) -> None:
        """The first class's fit, which the killed run has done already, again and into another store."""
        stage = self.run.fits[0]
        again = replace(stage, work=replace(stage.work, store=self.run.work / "again"))
        with self.findings.running("the fit"):
            with counted_steps() as taken:
                report = run_stage(again)
            steps = self.run.length.steps
            self.findings.took(f"fit {GENERATOR}", [report], steps, "steps", part="train")
            self._check_steps("fit", len(taken), steps)
            folder = Store(self.run.work / "again").folder("fit", stage.key)
            losses = json.loads((folder / "loss.json").read_text())["loss"]
            self._check_finite("losses of the fit", losses, steps)
            self._check_adapter(folder / ADAPTER_FILE)
            self._compare(folder / ADAPTER_FILE, self.run.planner.store.folder("fit", stage.key) / ADAPTER_FILE)

    def _check_steps(self, stage: str, taken: int, steps: int) -> None:
        # In float16 the first steps may be left out until the gradients' scale is right; in float32 none is.
        least = math.ceil(steps / 2) if self.run.planner.dtype == "float16" else steps
        self.findings.expect(
            f"optimiser steps of the {stage}", least <= taken <= steps, f"{least} to {steps}", f"{taken} of {steps}"
        )

    def _check_finite(self, name: str, values: Sequence[float], count: int) -> None:
        finite = sum(math.isfinite(value) for value in values)
        summary = f"{finite} finite of {len(values)}, from {values[0]:.4f} to {values[-1]:.4f}"
        self.findings.expect(name, finite == len(values) == count, f"{count} finite numbers", summary)

    def _check_adapter(self, file: Path) -> None:
        tensors = load_file(file)
        for part, (parameters, count) in self.run.scale.adapters.items():
            n_parameters, n_tensors, dtypes = sizes(file, f"{part}.")
            self.findings.expect(
                f"adapter of the {part}",
                (n_parameters, n_tensors, dtypes) == (parameters, count, {"F32"}),
                f"{parameters:,} parameters in {count} tensors of F32",
                f"{n_parameters:,} parameters in {n_tensors} tensors of {', '.join(sorted(dtypes))}",
            )
            # The matrices that the adapter begins with at zero.
            learned = [tensor for name, tensor in tensors.items() if name.startswith(f"{part}.") and ".up." in name]
            moved = sum(bool(tensor.any() and tensor.isfinite().all()) for tensor in learned)
            self.findings.expect(
                f"learning of the {part}",
                2 * moved > len(learned),
                "most matrices away from zero, and finite",
                f"{moved} of {len(learned)} matrices away from zero, and finite",
            )

    def _compare(self, file: Path, other: Path) -> None:
        """The same seed in two processes: the same bytes, or how far apart the weights are."""
        first, second = load_file(file), load_file(other)
        apart = max(float((first[key] - second[key]).abs().max()) for key in first)
        same = file.read_bytes() == other.read_bytes()
        # AdamW moves a weight by about the learning rate a step, so equal beginnings cannot end further apart.
        most = 2 * self.run.length.steps * self.run.resolved.generators[0].fit_config.model_dump()["lr"]
        self.findings.expect(
            "the same seed twice",
            same or apart <= most,
            f"the same bytes in two processes, or weights within {most:.1e}, as two equal beginnings end",
            "the same bytes in two processes" if same else f"other bytes: weights up to {apart:.1e} apart",
        )

    def loaded(self) -> None:
        """Where the pipeline is that the fit used, and in which precision."""
        work = self.run.fits[0].work
        with self.findings.running("loading"):
            pipe = load_pipeline(work.assets["weights"], work.device, work.dtype).pipe
            expected = f"{work.dtype} on {work.device}"
            for part in PARTS:
                model = getattr(pipe, part)
                actual = f"{str(model.dtype).removeprefix('torch.')} on {model.device.type}"
                self.findings.expect(f"the loaded {part}", actual == expected, expected, actual)

    def clocks(self) -> None:
        """The stopwatch of the stages beside device events, and beside a clock that does not wait for the device."""
        name = "the stopwatch against device events"
        if not self.on_gpu:
            self.findings.leave_out(name, "a CPU has no device events")
            self.findings.leave_out("a clock that does not wait for the device", "a CPU has nothing to wait for")
            return
        device, tolerance = self.run.scale.device, self.tolerance
        with self.findings.running("the timing"):
            for what, work in self._timed_work().items():
                watch, events, unsynchronised = both_clocks(work, device)
                self.findings.expect(
                    f"{name}, {what}",
                    abs(watch - events) <= tolerance * events,
                    f"the same seconds within {tolerance:.1%}",
                    f"{watch:.4f} s and {events:.4f} s, {watch / events - 1:+.2%}",
                )
            self.findings.expect(
                f"a clock that does not wait for the device, {what}",
                unsynchronised < watch / 2,
                "less than half the seconds, which shows that waiting is needed",
                f"{unsynchronised:.4f} s instead of {watch:.4f} s",
            )

    def _timed_work(self) -> dict[str, Callable[[], object]]:
        """The UNet on a sampling's batch, and matrix products, which are launched in no time and take long."""
        work = self.run.fits[0].work
        pipe = load_pipeline(work.assets["weights"], work.device, work.dtype).pipe
        unet, width = pipe.unet, pipe.text_encoder.config.hidden_size
        side, like = unet.config.sample_size, {"device": work.device, "dtype": unet.dtype}
        noisy, words = torch.randn(16, unet.config.in_channels, side, side, **like), torch.randn(16, 77, width, **like)
        square = torch.randn(8192, 8192, **like)
        result = torch.empty_like(square)

        def multiply() -> None:
            for _ in range(20):
                torch.mm(square, square, out=result)

        return {"UNet": torch.no_grad()(lambda: unet(noisy, 500, words)), "matrix products": multiply}

    def resume(self) -> None:
        """The sampling that was killed goes on in this process."""
        before = self.run.blocks()
        with self.findings.running("the sampling"):
            for stage in self.run.fits:
                if self.run.planner.store.find("fit", stage.key) is None:
                    run_stage(stage)
            run_stage(self.run.sampling)
            after, total = self.run.blocks(), self.run.all_blocks
            images = {class_images.label: class_images.images for class_images in self.run.sampling.classes}
            new = [report for key in after.keys() - before.keys() if (report := images[key[0]].report(key[1]))]
            self.findings.took(f"sample {GENERATOR}", new, sum(report["images"] for report in new), "images")
            self.findings.expect(
                "a killed sampling goes on",
                0 < len(new) == total - len(before),
                f"the missing {total - len(before)} blocks made",
                f"{len(new)} blocks made, {len(after)} of {total} there",
            )
            unchanged = sum(after.get(key) == value for key, value in before.items())
            self.findings.expect(
                "what was finished before the kill",
                unchanged == len(before) > 0,
                "each block left as it was, byte by byte",
                f"{unchanged} of {len(before)} blocks left as they were, byte by byte",
            )

    def released(self) -> None:
        """What the generator leaves on the device when the classifiers begin."""
        name = "the pipeline is off the device before classifiers train"
        if not self.on_gpu:
            self.findings.leave_out(name, "the resident size of a process does not tell")
            return
        pipeline = sum((self.run.work / "sd" / file).stat().st_size for file in PARTS.values()) / 2**20
        left = torch.cuda.memory_allocated(self.run.scale.device) / 2**20
        self.findings.expect(
            name, left < 0.05 * pipeline, f"under 5 % of its {pipeline:.0f} MiB", f"{left:.0f} MiB allocated"
        )

    def classify(self, trial: Trial) -> None:
        """Train a classifier on real and synthetic images, and predict with it."""
        name = trial.arm.classifier.name
        with self.findings.running(f"the work of {name}"):
            planned = plan_trial(self.run.planner, trial)
            stage = planned.training.build()
            with counted_steps() as taken:
                report = run_stage(stage)
            steps = trial.arm.classifier.config.optimizer_steps(len(stage.train), stage.train.classes) or 0
            self.findings.took(f"train {name}", [report], steps, "steps", part="train")
            self._check_steps(f"training of {name}", len(taken), steps)
            for curve in ("train_loss", "val_loss"):
                values = [epoch[curve] for epoch in report["curves"]]
                self._check_finite(f"{curve} of {name}", values, trial.arm.classifier.config.model_dump()["epochs"])
            report = run_stage(planned.build())
            self.findings.took(f"predict {name}", [report], report["images"], "images")
            table = report["predictions"]
            sums = table[[column for column in table if column.startswith("p_")]].sum(axis=1)
            worst = float((sums - 1).abs().max())
            self.findings.expect(
                f"probabilities of {name}", worst <= 1e-3, "sums within 0.001 of 1", f"sums within {worst:.6f} of 1"
            )

    def peaks(self) -> None:
        """Peak memory of each stage, within the device's."""
        total = next(device["memory_mib"] for device in devices() if device["device"].startswith(self.run.scale.device))
        for stage in self.findings.stages:
            peak, name = stage["peak MiB"], f"peak memory of {stage['stage']}"
            if peak is None or total is None:
                self.findings.leave_out(name, "not measured on this system")
            else:
                self.findings.expect(
                    name, 0 < peak < total, f"below the device's {total:.0f} MiB", f"{peak:.0f} of {total:.0f} MiB"
                )

    def peak_is_reset(self) -> None:
        """A stage that does nothing after one that takes a block of memory."""
        name, device = "the peak is reset between stages", self.run.scale.device
        with self.findings.running("the measurement of memory"):
            large, small = Stopwatch(device), Stopwatch(device)
            with large.stage():
                occupy(device, BLOCK_MIB)
            with small.stage():
                pass
            if large.peak_memory_mib is None or small.peak_memory_mib is None:
                self.findings.leave_out(name, "not measured on this system")
                return
            apart = large.peak_memory_mib - small.peak_memory_mib
            self.findings.expect(
                name,
                abs(apart / BLOCK_MIB - 1) < 0.2,
                f"about {BLOCK_MIB} MiB less in the stage after a block of {BLOCK_MIB} MiB",
                f"{apart:.0f} MiB less in the stage after a block of {BLOCK_MIB} MiB",
            )


def occupy(device: str, mib: int) -> None:
    """Take so much memory of the device, and give it back."""
    if device != "cpu":
        torch.ones(mib, 2**18, device=device)
        return
    # Not torch's: malloc may hand out memory that the process has held all along.
    with mmap.mmap(-1, mib * 2**20) as block:
        block[:: mmap.PAGESIZE] = b"\1" * (len(block) // mmap.PAGESIZE)


@contextmanager
def counted_steps() -> Iterator[list[object]]:
    """A list that grows by one with each step an optimiser takes; a GradScaler leaves out those that overflow."""
    taken: list[object] = []
    hook = register_optimizer_step_post_hook(lambda optimizer, args, kwargs: taken.append(None))
    try:
        yield taken
    finally:
        hook.remove()


def both_clocks(work: Callable[[], object], device: str) -> tuple[float, float, float]:
    """Seconds of the same work by the stages' stopwatch, by device events, and by a clock that does not wait."""
    event: Any = torch.cuda.Event
    work()
    watched = by_events = unsynchronised = 0.0
    for _ in range(ROUNDS):
        watch = Stopwatch(device)
        begin, end = event(enable_timing=True), event(enable_timing=True)
        with watch.stage():
            begin.record()
            work()
            end.record()
        watched += watch.seconds
        by_events += begin.elapsed_time(end) / 1000
        start = time.perf_counter()
        work()
        unsynchronised += time.perf_counter() - start
        torch.cuda.synchronize(device)
    return watched, by_events, unsynchronised


@contextmanager
def work_folder(folder: Path | None) -> Iterator[Path]:
    """The folder the user named, which is kept, or one that disappears. Raises UserError unless it is empty."""
    if folder is None:
        with TemporaryDirectory(prefix="gpu_check-") as temporary:
            yield Path(temporary)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        full = any(folder.iterdir())
    except OSError as error:
        raise UserError(f"--work {folder}: {error.strerror}. Name a folder that can be written.") from error
    if full:
        raise UserError(f"--work {folder} is not empty. Name another folder.")
    yield folder.resolve()


def machine(device: str) -> dict[str, Any]:
    """The device and the versions that matter."""
    libraries: Any = torch.backends.cudnn
    versions = environment()
    return {
        "device": device_info(device),
        "cuda": torch.version.cuda,
        "cudnn": None if device == "cpu" else libraries.version(),
        "python": versions["python"],
        "packages": {name: versions["packages"][name] for name in PACKAGES if name in versions["packages"]},
        "git_commit": versions["git_commit"],
    }


def check(run: PaperRun, tolerance: float) -> Findings:
    """Make every check, in the order in which a run does its stages. Raises UserError for a wrong option."""
    run.check_options()
    run.write_inputs()
    findings = Findings()
    session = Session(run, findings, tolerance)
    session.weights()
    session.kill_a_run()
    session.fit()
    session.loaded()
    session.clocks()
    session.resume()
    session.released()
    for trial in run.resolved.trials:
        session.classify(trial)
    session.peaks()
    session.peak_is_reset()
    return findings


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, from the command line where none are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rehearse", action="store_true", help="toy shapes on the CPU; proves nothing about a GPU")
    parser.add_argument("--steps", type=int, default=20, help="optimiser steps of a fit (default: 20)")
    parser.add_argument("--sampling-steps", type=int, default=10, help="denoising steps an image (default: 10)")
    parser.add_argument("--classifier", action="append", choices=CLASSIFIERS, help="repeatable (default: both)")
    parser.add_argument("--tolerance", type=float, default=0.05, help="between the two clocks (default: 0.05)")
    parser.add_argument("--set", action="append", default=[], metavar="PLUGIN.KEY=VALUE", help="as of cytobench run")
    parser.add_argument("--work", type=Path, metavar="DIR", help="an empty folder to work in and keep (default: none)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything found into this file, too")
    chosen = parser.parse_args(arguments)
    if chosen.steps < 2 or chosen.sampling_steps < 1:
        parser.error("--steps takes 2 or more (the first has a learning rate of 0), --sampling-steps 1 or more")
    chosen.classifier = chosen.classifier or list(CLASSIFIERS)
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print and save; returns the exit code."""
    chosen = options(arguments)
    if not chosen.rehearse and not torch.cuda.is_available():
        message = f"gpu_check: torch {torch.__version__} finds no CUDA device here."
        print(f"{message} To rehearse at toy shapes on the CPU: python {sys.argv[0]} --rehearse", file=sys.stderr)
        return 2
    scale = REHEARSAL if chosen.rehearse else FULL
    about = machine(scale.device)
    if chosen.rehearse:
        print(NOTHING_PROVED)
    versions = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    print(f"{about['device']['name']}; {versions}, CUDA {about['cuda'] or 'none'}", flush=True)
    try:
        length = Length(chosen.steps, chosen.sampling_steps, tuple(chosen.classifier), parse_set(tuple(chosen.set)))
        with work_folder(chosen.work) as work:
            findings = check(PaperRun(scale, work, length), chosen.tolerance)
    except UserError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return error.exit_code
    print(f"\n{findings.table()}\n\n{findings.summary()}")
    if chosen.rehearse:
        print(NOTHING_PROVED)
    if chosen.json:
        report = {"rehearsal": chosen.rehearse, **about, "checks": findings.checks}
        report |= {"left_out": findings.left_out, "stages": findings.stages}
        try:
            write_bytes(chosen.json, (json.dumps(report, indent=1) + "\n").encode())
        except OSError as error:
            print(f"gpu_check: --json {chosen.json} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
    return 1 if findings.failed else 0


if __name__ == "__main__":
    sys.exit(main())
