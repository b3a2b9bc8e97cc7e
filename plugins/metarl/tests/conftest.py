"""Small methods on few tasks, and their training by the harness's own loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_metarl import PEARLConfig, PointRobotConfig, SACConfig, TransitionMLPConfig
from harness_metarl.networks import TransitionMLP
from harness_metarl.pearl import PEARL
from harness_metarl.sac import SAC
from harness_metarl.tasks import PointRobotTasks

from harness import Budget, Data, Method
from harness.base.checkpoint_interval import Interval
from harness.learning.data.batches import Source
from harness.learning.training import train

SMALL: dict[str, Any] = {"width": 16, "transitions": 8, "collect_every": 2, "first_episodes": 2, "replay": 120}


def point_robot(**options: Any) -> Data:
    dataset = PointRobotTasks(PointRobotConfig(**{"train": 12, "novel": 30, **options}), Path())
    splits = dataset.load()
    return Data.of(splits, dataset.modality(splits), torch.device("cpu"))


def pearl(data: Data, seed: int = 0, **options: Any) -> PEARL:
    torch.manual_seed(seed)
    backbone = TransitionMLP(TransitionMLPConfig(width=16, layers=2), data.modality.shape)
    return PEARL(backbone, PEARLConfig(**{**SMALL, "context": 8, **options}), data)


def sac(data: Data, seed: int = 0, **options: Any) -> SAC:
    torch.manual_seed(seed)
    backbone = TransitionMLP(TransitionMLPConfig(width=16, layers=2), data.modality.shape)
    return SAC(backbone, SACConfig(**{**SMALL, **options}), data)


def trained(method: Method, data: Data, steps: int, lr: float = 3e-4, batch_size: int = 8, **how: Any) -> Method:
    """Train by the harness's own loop. `how`: `checkpoint`, `log`, `every` and `looks`, where a test needs them."""
    budget = Budget(steps=steps, batch_size=batch_size, optimizer="adam", lr=lr, schedule="constant")
    checkpoint, log = how.get("checkpoint", Path("no-checkpoint")), how.get("log", lambda *_: None)
    every, looks = how.get("every", Interval()), how.get("looks", {})
    train(method, Source(data, batch_size, seed=0), budget, checkpoint, log, every=every, looks=looks)
    return method


@pytest.fixture(name="point_robot")
def _point_robot() -> Callable[..., Data]:
    return point_robot


@pytest.fixture(scope="session")
def robots() -> Data:
    return point_robot()


@pytest.fixture(name="pearl")
def _pearl() -> Callable[..., PEARL]:
    return pearl


@pytest.fixture(name="sac")
def _sac() -> Callable[..., SAC]:
    return sac


@pytest.fixture(name="trained")
def _trained() -> Callable[..., Method]:
    return trained
