"""A further training inside an evaluation: by the loop of all trainings, of a network as others would train it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from harness.learning.collectives import alone
from harness.learning.components import Method, Trained
from harness.learning.data.batches import Source
from harness.learning.data.splits import Data
from harness.learning.training import CHECKPOINT_EVERY, train
from harness.suite.budget import Budget

Network = TypeVar("Network", bound=nn.Module)


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


def unwrapped(network: Network) -> Network:
    """Replace modules that stand for others while a method trains, such as MoCo's split batch norms, by those others.

    Args:
        network: A copy of what a method has trained. It is changed in place: each module inside it that has a method
            `unwrapped` is replaced by what that returns.

    Returns:
        The same network.
    """
    for name, child in network.named_children():
        within: Callable[[], nn.Module] | None = getattr(child, "unwrapped", None)
        setattr(network, name, within() if within else unwrapped(child))
    return network


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
