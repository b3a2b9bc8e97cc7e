"""What is said of a stream, computed by hand for three tasks, and of streams with a known outcome."""

from __future__ import annotations

import pytest
import torch
from harness_continual import measures
from torch import Tensor

NAN = torch.nan
# after task 0: .9 of task 0; after 1: .7 and .8; after 2: .5, .9 and .6
ONE = torch.tensor([[[0.9, NAN, NAN], [0.7, 0.8, NAN], [0.5, 0.9, 0.6]]])


def test_measures_of_three_tasks_by_hand() -> None:
    close(measures.final(ONE), (0.5 + 0.9 + 0.6) / 3)
    close(measures.seen(ONE), [[0.9, (0.7 + 0.8) / 2, (0.5 + 0.9 + 0.6) / 3]])
    close(measures.incremental(ONE), (0.9 + 0.75 + 2 / 3) / 3)
    close(measures.forgetting(ONE), ((0.9 - 0.5) + (0.8 - 0.9)) / 2)
    close(measures.backward(ONE), ((0.5 - 0.9) + (0.9 - 0.8)) / 2)


def test_forgetting_is_from_the_best_and_backward_transfer_from_the_first() -> None:
    late = torch.tensor([[[0.2, NAN, NAN], [0.9, 0.5, NAN], [0.6, 0.5, 0.5]]])
    close(measures.forgetting(late), (0.9 - 0.6) / 2)
    close(measures.backward(late), (0.6 - 0.2) / 2)


def test_forward_transfer_is_what_is_known_of_a_task_before_it() -> None:
    known = torch.tensor([[[0.9, 0.7, 0.1], [0.7, 0.8, 0.6], [0.5, 0.9, 0.6]]])
    close(measures.forward(known, 0.5), ((0.7 - 0.5) + (0.6 - 0.5)) / 2)


def test_each_order_is_measured_alone() -> None:
    both = torch.cat([ONE, ONE / 2])
    for measure in (measures.final, measures.incremental, measures.forgetting, measures.backward):
        torch.testing.assert_close(measure(both), torch.cat([measure(ONE), measure(ONE / 2)]))


def close(found: Tensor, expected: object) -> None:
    torch.testing.assert_close(found, torch.tensor(expected).reshape(found.shape))


@pytest.mark.parametrize("measure", [measures.final, measures.incremental, measures.forgetting, measures.backward])
def test_nothing_is_read_of_tasks_that_came_later(measure: object) -> None:
    assert callable(measure)
    torch.testing.assert_close(measure(ONE), measure(ONE.nan_to_num(7.0)))
