"""Which learning rate suits a nano model of which size?

    python benchmarks/rates.py [--examples 2400] [--seeds 1] [--folder FOLDER] [--quick] [--out benchmarks/results]

Trains models of one to twenty million parameters from scratch on the same reasoning about level-1 puzzles, each with
several learning rates, and compares the loss over the last tenth of the examples, while the rate falls from a fifth to
a tenth.
So few examples show which rates are too low or fall apart, not what the models would come to. Runs stay in FOLDER, and
go on there.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch

from common import QUICK, machine, write_table
from sleuth.errors import UserError
from sleuth.policy.models import load_shape
from sleuth.recipes import load_recipe
from sleuth.runs.directory import MODEL, RunDirectory
from sleuth.training.preflight import start
from sleuth.training.run import train_to_end

RECIPE = Path(__file__).parent.parent / "recipes" / "studies" / "settings" / "scratch.toml"
SIZES = ((128, 4), (192, 4), (320, 6), (448, 8))
"""Hidden size and layers."""
RATES = (1e-3, 3e-3, 9e-3)
"""Of AdamW; Muon's are `optimizer.muon_factor` times as high."""
LAST = 0.1
"""Share of the steps over which losses are compared."""


def trained(size: tuple[int, int], rate: float, seed: int, examples: int, folder: Path) -> RunDirectory:
    """A run of one model."""
    hidden, layers = size
    steps = examples // 32
    overrides = {
        "name": f"rates-{hidden}x{layers}-{rate:g}-{seed}",
        "seed": seed,
        "puzzles.seed": seed,
        "model.hidden": hidden,
        "model.layers": layers,
        "sft.examples": examples,
        "sft.learning_rate": rate,
        "sft.warmup_steps": steps // 10,
        "grpo.steps": 0,
        "eval.count": 4,
        "sampling.max_new_tokens": 8,
    }
    config, path = load_recipe(RECIPE, overrides), folder / f"{hidden}x{layers}-{rate:g}-{seed}"
    return train_to_end(config, path, lambda: start(config, path))


def loss(run: RunDirectory) -> float:
    losses = [line.values["loss"] for line in run.read_metrics("sft")]
    return statistics.fmean(losses[-max(1, round(LAST * len(losses))) :])


def parameters(run: RunDirectory) -> int:
    shape, _ = load_shape(str(run.path / MODEL), torch.float32)
    return sum(parameter.numel() for parameter in shape.parameters())


def examples_a_second(run: RunDirectory) -> float:
    times_s = [line.values["train_s"] for line in run.read_timings() if "train_s" in line.values]
    return run.config.sft.batch_size / statistics.median(times_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2400)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where runs are kept; without it they are deleted")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    if options.seeds < 1 or options.examples < 32:
        parser.error("--seeds takes 1 or more, --examples 32 or more")
    sizes, rates = SIZES, RATES
    if options.quick:
        sizes, rates, options.examples = ((32, 2),), RATES[:2], 64
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for size in sizes:
            try:
                runs = {
                    rate: [trained(size, rate, seed, options.examples, folder) for seed in range(options.seeds)]
                    for rate in rates
                }
            except UserError as error:
                parser.error(str(error))
            losses = {rate: statistics.fmean(map(loss, many)) for rate, many in runs.items()}
            best = min(losses, key=losses.__getitem__)
            [first, *_] = runs[best]
            rows.append(
                (
                    f"{size[0]} x {size[1]}",
                    f"{parameters(first) / 1e6:.1f}",
                    *(f"**{one:.3f}**" if rate == best else f"{one:.3f}" for rate, one in losses.items()),
                    f"{examples_a_second(first):.1f}",
                )
            )
    about = f"{options.examples} examples, {options.seeds} of each, {first.config.model.dtype}, {machine()}"
    about += f", torch {torch.__version__}, {first.config.model.threads} threads"
    head = ("hidden x layers", "million parameters", *(f"loss at {rate:g}" for rate in rates), "examples/s")
    write_table("rates", f"Loss of nano models by size and learning rate ({about})", head, rows, options.out)


if __name__ == "__main__":
    main()
