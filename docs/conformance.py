"""Writes docs/conformance.md: each broken plugin of tests/conformance/catalogue.py meets the conformance kit.

`uv run python docs/conformance.py`, from the root.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.testing import Failure
    from tests.conformance.catalogue import Broken

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "conformance.md"
HEAD = """\
# The conformance kit

Checks of a plugin, in one line of its own tests:

```python
from harness.testing import check_method


def test_conforms() -> None:
    check_method("simclr", temperature=0.2)
```

`check_method`, `check_backbone`, `check_dataset`, `check_evaluator`, `check_optimizer` and `check_executor` take the
registered name of an installed component (`pip install -e .` in its folder) and options of its `Config`;
`check_observer` takes the name of a plugin's entry point, `check_modality` that of a data set which gives the modality.
Each runs all checks of its kind, in seconds on a CPU, and on a GPU as well where there is one. If some fail, it raises
`ConformanceError`, an `AssertionError` whose message lists them all: the check, what was seen, what to change. A test
runner is not needed, nor imported.

What the component meets:

- A **method** trains on 1,024 stripes of six directions, grey, 12x12, in batches of 64, with the optimizer and rate of
  its registered `budget`. Give options that fit: fewer than 1,024 keys in a queue, at most 6 ways. It has learned if
  the few-shot accuracy of its own `adapt` is 10 points above that of the same training at a learning rate near zero,
  after 160 steps at most, and if its loss is lower with the right labels than with others; choose options that make it
  small and quick. A buffer of which each step replaces the same part is a queue that stands still. With another test
  split it starts and learns the same. If it is `distributed`, a step of two processes is compared with that of one. A
  method for other samples is tried on a registered data set by a registered backbone: `check_method("simcse",
  data="my-texts", backbone="my-encoder")`.
- A **backbone** for images is built for 3x32x32, and for 1x28x28 and 3x21x17 unless it refuses them with a UsageError.
  Its features depend on every channel and every quarter of an image. One for vectors is built for 12 numbers, one for
  text tokenizes a few sentences; for another modality, `data=` names a data set that gives it.
- A **data set** is loaded several times; what it downloads stays in the cache. Mirrored copies are copies. If the mean
  image of each class tells other images of `train` apart and those of `test` not at all, their labels differ.
- A **modality** is used on twelve samples of a data set that gives it: inputs and views, alone and in parts of a batch.
- An **evaluator** meets six classes of 30 to 52 samples in each of train, test and novel: no two classes of a split and
  no two splits have as many, and the samples of each split are in an order of its own. It scores encoders that are
  perfect, blind, and unable to tell the classes of each pair apart; one that knows the images of `train` by heart and
  of others only which one it is, which must be at chance; and one whose score of an image must not change when other
  images leave `test`, unless the metric's `protocol` says "transductive". What has the unit "sample" is of all images
  of a split. A metric by the jackknife may be off the mean of its pseudo-values by half its interval: the bias that the
  jackknife finds is less than what chance explains. An interval without units has its value between its ends. One
  that needs more of a split than images and labels is given it: `check_evaluator("sts", columns=f)`, where `f(split)`
  is a mapping of names to tensors.
- An **optimizer** moves a kernel, matrices, biases and a norm, one of which has no gradient, in the two groups that the
  training loop makes: with a rate, with a thousandth of it, with gradients of zero, and from a checkpoint on.
- An **executor** runs jobs that do nothing, on this machine, two at a time. One is killed.
- An **observer** is told of a training and, apart from it, of the end of a run: the two are in different processes.

A component whose options name a file, such as weights to start from, is given a copy of it and another file of that
name: `Config.fingerprint()` is the same for the copy and not for the other. A file that no option names is not seen.

Two rules that the checks hold to:

- **Random numbers.** Building, `loss` and a backbone's pass in training may draw from the global generators: the
  harness seeds torch's before it builds, and torch's, numpy's and Python's before each step. Nobody else seeds them.
  Loading data, encoding, adapting, evaluating and observing leave them alone and draw from generators of their own.
- **Constants are buffers.** A parameter has a gradient within the first steps; or it has `requires_grad=False` and
  `after_step` moves it, as a momentum network. What is meant to stay is registered as a buffer, which says so.

Each row below is a plugin that is broken in one point, and what the kit says of it; measured numbers are shortened.
Made by `uv run python docs/conformance.py`; `tests/conformance/test_kit.py` holds that no other check fails. The first
three of a method are checks of all components. Where there is no GPU, torch's device `meta` stands in for one.
"""


def page() -> str:
    """The whole document."""
    from tests.conformance.catalogue import BROKEN, ON_A_GPU, every, meet, plugins

    parts = [HEAD]
    with plugins():
        for kind in BROKEN:
            parts += [f"\n## {kind}\n", "| check | a plugin that | what is said |", "|---|---|---|"]
            for broken in every():
                if broken.kind == kind and (kind, broken.check) != ON_A_GPU:
                    parts += [row(broken, failure) for failure in meet(broken)]
    return "\n".join([*parts, ""])


def row(broken: Broken, failure: Failure) -> str:
    from harness.reporting.leaderboard.markdown import escape
    from tests.conformance.catalogue import steady

    said = steady(f"{failure.seen}; {failure.change}")
    return f"| {failure.check} | {broken.fault} | {escape(said)} |"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    PAGE.write_text(page(), encoding="utf-8")
