"""The training loop of all methods.

The data and the random numbers of step t depend on the seed and t alone, so that a run which continues from a
checkpoint equals one that was never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from harness.base.checkpoint_interval import DEFAULT, Interval
from harness.base.stop_signal import Interrupted, delay_stop, stop_requested
from harness.learning.checkpoint import Checkpointer, load_checkpoint
from harness.learning.collectives import first_rank_says, mean_of_ranks, rank, ranks
from harness.learning.components import Method
from harness.learning.data.batches import Batches, Source, derive_seed, views_per_step
from harness.learning.optimizers import make_optimizer
from harness.learning.profiling import profile_steps
from harness.learning.seeding import seed_all
from harness.suite.budget import Budget
from harness.suite.cell import Component

CHECKPOINT_EVERY = Interval.parse(DEFAULT)
LOG_SECONDS = 1.0  # losses are fetched from the device in blocks, about this often
LOGGED_STEPS = 500  # at most so many steps of a training are logged

Log = Callable[[int, int, Mapping[str, float]], None]  # step, steps, metrics


@dataclass(frozen=True)
class Reached:
    """How far a training is, and what it has cost so far. `counted`: what the method counts itself."""

    step: int
    steps: int
    samples: int
    seconds: float
    counted: Mapping[str, float]


Look = Callable[[Reached], None]


@dataclass(frozen=True)
class Training:
    """What a training cost and how it ended. `views`: the inputs of a network that its batches held."""

    steps: int
    samples: int
    views: int
    seconds: float
    metrics: Mapping[str, float]


def steps_of(budget: Budget, batches: Batches, source: Source) -> int:
    """The budget in optimizer steps."""
    if budget.steps is not None:
        return budget.steps
    return max(1, round(budget.length * batches.steps_per_epoch(source)))


def train(
    method: Method,
    source: Source,
    budget: Budget,
    checkpoint: Path,
    log: Log,
    profile: Path | None = None,
    every: Interval = CHECKPOINT_EVERY,
    optimizer: Component | None = None,
    looks: Mapping[int, Look] = MappingProxyType({}),
) -> Training:
    """Train `method` in place for the budget; go on from `checkpoint` if it exists, and leave one at that interval.
    A profile goes into `profile`. `optimizer`: with its options; None: the budget's, as it is by default. `looks`: by
    step, who looks at the method when it is done, and must leave it as it is; the time does not count.

    Raises FloatingPointError as soon as a logged loss, or in the end a weight, is not finite; and Interrupted, with a
    checkpoint saved, after the step in which the job was told to stop. Of several ranks, the first one decides, saves
    and logs.
    """
    batches = method.batches
    if batches is None:
        return Training(0, 0, 0, 0.0, {})
    steps = steps_of(budget, batches, source)
    stepping = make_optimizer(method, budget, optimizer)
    first, before = load_checkpoint(checkpoint, method, stepping)
    method.train()
    loss_of = loss_function(method, budget, first)
    checkpoints = Checkpointer(checkpoint, every, first, before)
    logger = BlockLogger(steps, log)
    metrics: Mapping[str, float] = {}
    leads = rank() == 0
    own_seed = [] if leads else [rank()]
    with delay_stop(), profile_steps(profile, source.device) as stepped:
        for step in range(first, steps):
            with logger.naming(step):
                seed_all(derive_seed(source.seed, "step", step, *own_seed))
                set_rate(stepping, budget.lr * rate_factor(step, steps, budget))
                batch = batches.draw(source, step)
                with torch.autocast(source.device.type, torch.bfloat16, enabled=budget.precision == "bf16"):
                    loss = loss_of(batch)
                scalars = loss if isinstance(loss, dict) else {"loss": loss}
                stepping.zero_grad(set_to_none=True)
                scalars["loss"].backward()
                if budget.clip is not None:  # of several ranks, the mean of their gradients: backward has taken it
                    torch.nn.utils.clip_grad_norm_(method.parameters(), budget.clip)
                stepping.step()
                method.after_step(step, steps)
                stepped()
                metrics = logger.add(step, scalars) or metrics
                if leads and (look := looks.get(step + 1)):
                    with checkpoints.apart(source.device):
                        samples = (step + 1) * batches.samples_per_step(source)
                        look(Reached(step + 1, steps, samples, checkpoints.seconds(), dict(method.counted())))
                stop = first_rank_says(stop_requested())
                if leads and step + 1 < steps and (stop or checkpoints.is_due(step + 1)):
                    metrics = logger.flush() or metrics  # what is before the checkpoint will not be logged again
                    checkpoints.save(step + 1, method, stepping)
                if stop:
                    raise Interrupted(f"saved after step {checkpoints.step} of {steps}")
    metrics = logger.flush() or metrics
    if not all(weight.isfinite().all() for weight in method.parameters()):  # what the last update did, no loss tells
        raise FloatingPointError(f"weights are not finite after step {steps} of {steps}")
    samples, views = (steps * number for number in (batches.samples_per_step(source), views_per_step(batches, source)))
    return Training(steps, samples, views, checkpoints.seconds(), metrics)


def loss_function(method: Method, budget: Budget, first: int) -> Callable[[Any], Any]:
    """The method's loss: compiled if the budget says so, and of the whole batch where several ranks train."""
    if ranks() > 1:
        from harness.learning.ddp import data_parallel  # takes a second to import

        return data_parallel(method, first)
    return torch.compile(method.loss) if budget.compile else method.loss


def use_precision(precision: str) -> None:
    """Allow TF32 on a GPU or not: torch's own default has it for convolutions alone."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def rate_factor(step: int, steps: int, budget: Budget) -> float:
    """Share of the peak rate at `step`: linear warm-up, then constant, or to zero along a line or half a cosine."""
    warmup = budget.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if budget.schedule == "constant":
        return 1.0
    gone = (step - warmup) / (steps - warmup)
    return 1 - gone if budget.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * gone))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """A group's own `rate`, if it has one, is how many times `rate` its weights learn at."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate", 1.0)


class BlockLogger:
    """Keeps scalars on the device and fetches them in blocks: a fetch per step would make the device wait."""

    def __init__(self, steps: int, log: Log) -> None:
        self.steps = steps
        self.log = log
        self.every = max(1, math.ceil(steps / LOGGED_STEPS))
        self.pending: list[tuple[int, Mapping[str, Tensor]]] = []
        self.fetched = time.monotonic()

    def add(self, step: int, scalars: Mapping[str, Tensor]) -> Mapping[str, float] | None:
        """Keep the scalars of a step; the latest metrics if it was time to fetch."""
        if step % self.every == 0 or step == self.steps - 1:
            now = {name: value.detach().clone() for name, value in scalars.items()}  # a weight moves on before a fetch
            self.pending.append((step, mean_of_ranks(now)))
        return self.flush() if time.monotonic() - self.fetched > LOG_SECONDS else None

    @contextmanager
    def naming(self, step: int) -> Iterator[None]:
        """An error inside has a note on the step; what is pending is logged before it goes on."""
        try:
            yield
        except Exception as error:
            error.add_note(f"This happened in training step {step + 1} of {self.steps}.")
            with suppress(FloatingPointError):
                self.flush()
            raise

    def flush(self) -> Mapping[str, float] | None:
        """Log all that is pending. Raises FloatingPointError for a loss that is not finite."""
        metrics = None
        for step, scalars in self.pending:
            metrics = {name: float(value) for name, value in scalars.items()}
            self.log(step + 1, self.steps, metrics)
            if not math.isfinite(metrics["loss"]):
                raise FloatingPointError(f"the loss is {metrics['loss']} at step {step + 1} of {self.steps}")
        self.pending.clear()
        self.fetched = time.monotonic()
        return metrics
