"""A further training inside an evaluation, by the loop of all trainings."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from harness.learning.collectives import alone
from harness.learning.components import Method, Trained
from harness.learning.data.batches import Source
from harness.learning.data.splits import Data
from harness.learning.training import CHECKPOINT_EVERY, train
from harness.suite.budget import Budget


def fine_tune(trained: Trained, learner: Method, data: Data, budget: Budget, seed: int) -> None:
    """Train a further method inside an evaluation, in place, as the harness trains cells.

    A job that is stopped in the middle leaves a checkpoint beside the evaluation, and the next one goes on from it. The
    result is that of a training that was never stopped. Global random states are afterwards what they were.

    Args:
        trained: What the evaluator was given.
        learner: What is trained, such as a detector on a copy of `trained.method`'s backbone. Before each call for the
            same evaluation it must be built alike.
        data: What it is trained on: the split `train`.
        budget: How long and how. It is part of the evaluator's options, not of the cell's budget.
        seed: Seed of the batches, and of all that the learner draws at random.

    Raises:
        FloatingPointError: The loss or a weight is not finite.
    """
    source = Source(data, budget.batch_size, seed)
    with random_states_kept(data.device), torch.enable_grad(), alone(), tempfile.TemporaryDirectory() as folder:
        checkpoint = trained.checkpoint or Path(folder, "checkpoint.pt")
        train(learner, source, budget, checkpoint, lambda *_: None, every=trained.checkpoint_every or CHECKPOINT_EVERY)
    learner.eval()


@contextmanager
def random_states_kept(device: torch.device) -> Iterator[None]:
    """Afterwards the random states of torch, numpy and Python are what they were."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)
