"""Batches of a stream of tasks: what comes when, and what the memory holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from harness_continual.tasks import TaskStream, tasks_of

from harness import Data, Source, Split, UsageError

STREAM = TaskStream(2, None, tasks=3, passes=2, memory=20)


def source(data: Data, batch: int = 64, seed: int = 0) -> Source:
    return Source(data, batch, seed)


def test_tasks_are_groups_of_consecutive_classes_or_the_column(gratings: Data) -> None:
    train = gratings.train
    assert torch.equal(tasks_of(train, 3), train.labels // 2)
    column = torch.arange(len(train)) % 4
    assert tasks_of(Split(train.samples, None, (), {"task": column}), 3) is column
    with pytest.raises(UsageError, match="neither a column 'task' nor labels"):
        tasks_of(Split(train.samples), 3)
    with pytest.raises(UsageError, match="7 tasks cannot be made of 6 classes"):
        tasks_of(train, 7)


def test_each_task_comes_in_turn_each_sample_once_in_a_pass(gratings: Data) -> None:
    drawing, members = source(gratings), STREAM.members(source(gratings))
    step = 0
    for task, samples in enumerate(members):
        per_pass = len(samples) // 64
        for _ in range(2):
            seen = torch.cat([STREAM.present(drawing, members, step + each) for each in range(per_pass)])
            assert len(seen.unique()) == len(seen) == 64 * per_pass
            assert (gratings.train.labels[seen] // 2 == task).all()
            assert STREAM.place(drawing, members, step)[0] == task
            step += per_pass
    assert step == 2 * STREAM.steps_per_epoch(drawing)
    assert STREAM.place(drawing, members, step + 1000)[0] == 2  # the last one goes on


def test_a_batch_is_of_the_task_and_of_the_memory(gratings: Data) -> None:
    drawing, members = source(gratings), STREAM.members(source(gratings))
    first = STREAM.draw(drawing, 0)
    assert first.views.shape == (2, 64, 1, 14, 14)
    assert first.old.shape == (2, 0, 1, 14, 14)
    assert not first.old_labels.numel()
    last = STREAM.draw(drawing, 2 * STREAM.steps_per_epoch(drawing) - 1)
    assert int(last.task) == 2
    assert set((last.labels // 2).tolist()) == {2}
    assert set((last.old_labels // 2).tolist()) == {0, 1}
    assert last.old.shape == last.views.shape
    kept = STREAM.kept(drawing, members, 2)
    assert set(last.old_labels.tolist()) <= set(gratings.train.labels[kept].tolist())
    without = replace(STREAM, memory=0).draw(drawing, 2 * STREAM.steps_per_epoch(drawing) - 1)
    assert without.old.shape[1] == 0
    assert torch.equal(without.views, last.views)


def test_the_memory_loses_samples_and_never_finds_them_again(gratings: Data) -> None:
    """As reservoir sampling: at most `memory` samples, each of those so far with the same probability."""
    drawing, members = source(gratings), STREAM.members(source(gratings))
    one, two = (set(STREAM.kept(drawing, members, task).tolist()) for task in (1, 2))
    assert len(one) == len(two) == 20
    assert one <= set(members[0].tolist())
    assert two & set(members[0].tolist()) <= one
    shares = []
    for seed in range(200):
        kept = STREAM.kept(source(gratings, seed=seed), members, 2)
        shares.append((gratings.train.labels[kept] // 2 == 0).float().mean())
    expected = len(members[0]) / (len(members[0]) + len(members[1]))
    assert torch.stack(shares).mean().item() == pytest.approx(expected, abs=0.04)  # standard error .008


def test_a_task_smaller_than_a_batch_is_refused(gratings: Data) -> None:
    with pytest.raises(UsageError, match="fewer than a batch of 512"):
        STREAM.check(source(gratings, 512))
    STREAM.check(source(gratings, 64))
