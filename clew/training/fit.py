"""Run a sentence-transformers trainer: timed checkpoints, exact resume, and the weights that were best on dev queries.

Several processes may share a run (see `processes`): the first measures, decides and writes; the others follow it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback

from clew.core.errors import DataError
from clew.core.files import disk_errors, write_atomic
from clew.core.progress import Progress
from clew.training.checkpoints import last_checkpoint, mark_complete
from clew.training.processes import ProcessGroup, process_group
from clew.training.spec import FitSpec

# Model → {measure: value, 0 to 1} on dev queries; "ndcg" decides which weights are best.
Measure = Callable[[Any], Mapping[str, float]]
BEST_BY = "ndcg"
CURVE, BEST, CHECKPOINTS, FINISHED = "curve.jsonl", "best", "checkpoints", "fitted.json"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of fitting.

    folder: folder of the best weights. step: the step, of `steps`, at which they were measured. seconds: time since the
    run was started or resumed. measures: of the best weights on dev queries. processes: how many shared the run.
    """

    folder: Path
    step: int
    steps: int
    seconds: float
    measures: Mapping[str, float]
    processes: int = 1


def arguments(cls: type[Any], spec: FitSpec, run: Path, seed: int) -> Any:
    """Return the training arguments of a spec. cls: the trainer's class for them."""
    return cls(
        output_dir=str(run / CHECKPOINTS),
        num_train_epochs=spec.epochs,
        per_device_train_batch_size=spec.batch,
        gradient_accumulation_steps=spec.accumulate,
        learning_rate=spec.learning_rate,
        warmup_steps=spec.warmup,
        lr_scheduler_type={"constant": "constant_with_warmup"}.get(spec.schedule, spec.schedule),
        weight_decay=spec.weight_decay,
        max_grad_norm=spec.clip,
        bf16=spec.precision == "bf16",
        fp16=spec.precision == "fp16",
        use_cpu=not torch.cuda.is_available(),
        seed=seed,
        data_seed=seed,
        save_strategy="no",  # checkpoints are saved by time, see _Monitor
        save_total_limit=2,
        eval_strategy="no",
        logging_steps=1,
        logging_strategy="steps",
        disable_tqdm=True,
        report_to="none",
        dataloader_num_workers=0,
        dataloader_drop_last=process_group().count > 1,  # every process must have a batch, or the others would wait
    )


def fit(
    make: Callable[[Sequence[TrainerCallback]], Any], spec: FitSpec, run: Path, measure: Measure, progress: Progress
) -> Fitted:
    """Train a model, or resume the run from its last checkpoint. A finished run is not repeated.

    make: callbacks → trainer. measure: model → measures on dev queries. Raises DataError if a loss is not finite or no
    step was made, StoreError if the disk has no space for a checkpoint, UsageError if the run was begun with another
    number of processes.
    """
    ranks = process_group()
    if ranks.run_on_first((run / FINISHED).is_file):
        return Fitted(**{**json.loads((run / FINISHED).read_text()), "folder": run / BEST})
    monitor = _Monitor(spec, run, measure, progress, ranks)
    trainer = make([monitor])
    trainer.remove_callback(PrinterCallback)  # it would print every loss on stdout
    start = time.perf_counter()
    with disk_errors(run), ranks.reporting_lost_peers():
        ranks.run_on_first(lambda: _check_full_batches(trainer.train_dataset, spec, ranks))
        checkpoint = ranks.run_on_first(lambda: last_checkpoint(run / CHECKPOINTS, ranks.count))
        trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
        ranks.wait()  # other processes may still read the checkpoints, which `_finish` deletes
        return ranks.run_on_first(lambda: _finish(run, monitor, trainer, time.perf_counter() - start, ranks.count))


def _check_full_batches(tables: Mapping[str, Any], spec: FitSpec, ranks: ProcessGroup) -> None:
    """Raise DataError if several processes have less than one full batch each. One process may have a shorter batch."""
    found = sum(len(rows) // spec.batch for rows in tables.values())
    if ranks.count > 1 and found < ranks.count:
        raise DataError(
            f"{ranks.count} processes need {ranks.count} full batches of {spec.batch} queries, but there are {found}",
            "add data, or use a smaller batch or fewer processes",
        )


def _finish(run: Path, monitor: _Monitor, trainer: Any, seconds: float, processes: int) -> Fitted:
    """Write the result of a run, so that it is not repeated, and delete its checkpoints."""
    if monitor.best is None:
        monitor.evaluate(trainer.model, trainer.state.global_step)
    if monitor.best is None or not trainer.state.global_step:
        raise DataError("training ended without a single step", "add data, or use a smaller batch")
    step, measures = monitor.best
    fitted = Fitted(run / BEST, step, trainer.state.global_step, round(seconds, 1), measures, processes)
    write_atomic(run / FINISHED, json.dumps({**asdict(fitted), "folder": BEST}).encode())
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    return fitted


def read_curve(run: Path) -> list[dict[str, Any]]:
    """Read the curve of a run, by step: rows of loss and learning rate, and rows of measures on dev queries."""
    path = run / CURVE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class _Monitor(TrainerCallback):
    """Records loss and measures, evaluates on dev queries, saves the best weights, times checkpoints, stops early.

    The first process does so and sends its decisions to the others, since all must stop and save at the same step.
    """

    def __init__(self, spec: FitSpec, run: Path, measure: Measure, progress: Progress, ranks: ProcessGroup) -> None:
        self._spec, self._run, self._measure, self._progress = spec, run, measure, progress
        self._ranks = ranks
        self._rows: list[dict[str, Any]] = []
        self._saved = time.monotonic()
        self.best: tuple[int, Mapping[str, float]] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Drop the rows after the checkpoint from which the run resumes."""
        if not self._ranks.is_first:
            return
        self._rows = [row for row in read_curve(self._run) if row["step"] <= state.global_step]
        self._write()
        if not (self._run / BEST).is_dir():  # the run was killed while they were replaced, so they are measured again
            return
        for row in self._rows:
            if "dev" in row and (self.best is None or row["dev"][BEST_BY] > self.best[1][BEST_BY]):
                self.best = (row["step"], row["dev"])

    def on_epoch_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Set the epoch of the batch sampler, which draws a new order for each.

        The trainer does so too, but does not reach it when several processes resume within an epoch.
        """
        sampler = train_dataloader.batch_sampler
        while hasattr(sampler, "batch_sampler"):
            sampler = sampler.batch_sampler
        sampler.set_epoch(int(state.epoch or 0))

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Record the loss."""
        known = any("loss" in row and row["step"] == state.global_step for row in self._rows[-2:])
        if logs and "loss" in logs and not known:
            rate, norm = logs.get("learning_rate", 0.0), logs.get("grad_norm", 0.0)
            self._rows.append({"step": state.global_step, "loss": logs["loss"], "rate": rate, "norm": float(norm)})

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> Any:  # noqa: ARG002
        """Evaluate, stop or save if it is time to."""
        stop, save = self._ranks.run_on_first(lambda: self._stop_or_save(model, state.global_step, state.max_steps))
        control.should_training_stop = control.should_training_stop or stop
        control.should_save = control.should_save or save
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Write the rows up to a checkpoint, and mark it complete once every process has written its part."""
        self._ranks.wait()
        if self._ranks.is_first:
            self._write()
            mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}", self._ranks.count)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Write the remaining rows."""
        if self._ranks.is_first:
            self._write()

    def evaluate(self, model: Any, step: int) -> None:
        """Measure a model on dev queries, and save its weights if they are the best so far."""
        model.eval()
        with torch.autocast(model.device.type, torch.bfloat16, enabled=self._spec.precision == "bf16"):
            measures = {name: round(float(value), 6) for name, value in self._measure(model).items()}
        model.train()
        self._rows.append({"step": step, "dev": measures})
        if self.best is None or measures[BEST_BY] > self.best[1][BEST_BY]:
            staged = self._run / f"{BEST}.new"
            shutil.rmtree(staged, ignore_errors=True)
            model.save_pretrained(str(staged), create_model_card=False)
            shutil.rmtree(self._run / BEST, ignore_errors=True)
            staged.rename(self._run / BEST)
            self.best = (step, measures)
        self._write()

    def _stop_or_save(self, model: Any, step: int, steps: int) -> tuple[bool, bool]:
        """Return (whether to stop, whether to save a checkpoint) after a step; evaluate if it is time to."""
        self._progress("training", step, steps)
        every = max(1, steps // self._spec.evaluations)
        stop = False
        if step == steps or (step % every == 0 and steps - step >= every // 2):
            self.evaluate(model, step)
            stop = bool(self._spec.patience) and self._evaluations_since_best() >= self._spec.patience
        save = time.monotonic() - self._saved >= self._spec.checkpoint_minutes * 60
        if save:
            self._saved = time.monotonic()
        return stop, save

    def _evaluations_since_best(self) -> int:
        """Count the evaluations since the best one."""
        assert self.best is not None  # noqa: S101 - called after an evaluation
        return sum("dev" in row and row["step"] > self.best[0] for row in self._rows)

    def _write(self) -> None:
        write_atomic(self._run / CURVE, "".join(json.dumps(row) + "\n" for row in self._rows).encode())
