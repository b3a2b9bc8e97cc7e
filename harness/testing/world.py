"""Saves and restores the global state of a process: random states, default dtype and the like."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def settings() -> dict[str, Any]:
    """What a component finds set and must leave as it is."""
    return {
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's grad mode": torch.is_grad_enabled(),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn's benchmark mode": torch.backends.cudnn.benchmark,
    }


def random_states() -> dict[str, bytes]:
    """The states of the three global generators."""
    return {
        "torch's": torch.get_rng_state().numpy().tobytes(),
        "numpy's": repr([np.asarray(part).tobytes() for part in np.random.get_state()]).encode(),
        "Python's": repr(random.getstate()).encode(),
    }


@contextmanager
def preserve_state() -> Iterator[None]:
    """Put back what is done inside; meanwhile on one thread, which small networks are faster on."""
    dtype, threads, grad = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    device = torch.get_default_device()
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = benchmark
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
