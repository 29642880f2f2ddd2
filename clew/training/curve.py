"""Plot the curve of a run: loss by step, and dev nDCG@10 at each evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clew.training.fit import BEST_BY, read_curve

PICTURE = "curve.png"


def plot(run: Path) -> Path:
    """Plot curve.jsonl of a run as curve.png in the same folder; return the path of the picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = read_curve(run)
    losses = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    dev = [(row["step"], row["dev"]) for row in rows if "dev" in row]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.subplots()
    if losses:
        steps, values = (np.array(part, np.float64) for part in zip(*losses, strict=True))
        width = max(1, len(values) // 50)
        smooth = np.convolve(np.pad(values, (width - 1, 0), mode="edge"), np.ones(width) / width, mode="valid")
        left.plot(steps, values, color="0.85", linewidth=0.8)
        left.plot(steps, smooth, color="tab:blue", label=f"loss, mean of {width} steps")
    left.set_xlabel("step")
    left.set_ylabel("loss")
    right = left.twinx()
    for name in dev[0][1] if dev else ():
        line = right.plot([step for step, _ in dev], [values[name] for _, values in dev], marker="o")[0]
        line.set_label("dev nDCG@10, mean" if name == BEST_BY else f"dev nDCG@10, {name}")
        line.set_linewidth(2.0 if name == BEST_BY else 0.8)
    right.set_ylabel("nDCG@10")
    right.set_ylim(0, 1)
    handles = [line for axis in (left, right) for line in axis.get_lines() if not str(line.get_label()).startswith("_")]
    left.legend(handles=handles, loc="lower right", fontsize="small")
    figure.savefig(run / PICTURE, dpi=120)
    return run / PICTURE
