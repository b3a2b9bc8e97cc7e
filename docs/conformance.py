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
# Test a plugin with the conformance kit

The conformance kit checks that a plugin keeps its contract. Authors of plugins call it in one line of their own
tests:

```python
from harness.testing import check_method


def test_conforms() -> None:
    check_method("simclr", temperature=0.2)
```

- `check_method`, `check_backbone`, `check_dataset`, `check_evaluator`, `check_optimizer` and `check_executor` take
  the registered name of an installed component (`pip install -e .` in its folder), and options of its `Config`.
- `check_observer` takes the name of a plugin's entry point.
- `check_modality` takes the name of a data set of the modality.
- A plugin that is a single file need not be installed: `load_plugin("align.py")` makes it known, as `--plugin align.py`
  does for commands ([example](cookbook.md#test-a-plugin-of-one-file)). The checks "registration is lazy" and
  "importing it is cheap" do not apply to it.

Each runs all checks of its kind on a CPU, and also on a GPU if there is one. If some fail, it raises
`ConformanceError`, an `AssertionError`. Its message lists each failed check, what was seen, and what to change. The
kit neither needs nor imports a test runner.

## How each kind is tested

**Methods** train on 1,024 grey 12x12 images of stripes in six directions, in batches of 64, with the optimizer and
rate of the registered `budget`.

- Give options that fit: small and quick, fewer than 1,024 keys in a queue, at most 6 ways.
- A method has learned if, after at most 160 steps, two things hold. The few-shot accuracy of its own `adapt` is 10
  points above that after 40 steps at a learning rate near zero. Its loss is lower with the right labels than with
  others.
- With another test split it must start and learn the same.
- A buffer of which each step replaces the same part is reported as a queue that stands still.
- If the method is `distributed`, a step of two processes is compared with a step of one.
- For other samples, name a registered data set and backbone: `check_method("simcse", data="my-texts",
  backbone="my-encoder")`.

**Backbones** for images are built for 3x32x32, and for 1x28x28 and 3x21x17 unless they refuse these with a
UsageError. Features must depend on every channel and every quarter of an image. Backbones for vectors are built for
12 numbers, those for text tokenize a few sentences. For another modality, `data=` names a data set.

**Data sets** are loaded several times; downloads stay in the cache. A mirrored copy of an image counts as a copy. The
mean image of each class is used to classify other images of `train` and those of `test`. If this works on `train` and
not at all on `test`, the labels of the two differ.

**Modalities** are used on twelve samples of a data set: inputs and views, alone and in parts of a batch.

**Evaluators** get six classes of 30 to 52 samples in each of train, test and novel. No two classes of a split and no
two splits have the same number. The samples of each split have an order of their own. An evaluator scores these
encoders:

- A perfect one, a blind one, and one that cannot tell the two classes of each pair apart.
- One that memorised the images of `train` and knows of others only which image it is. Its score must be at chance.
- One whose score of an image must not change when other images leave `test`, unless the metric's `protocol` says
  "transductive".

A metric with the unit "sample" covers all images of a split. A jackknife metric may differ from the mean of its
pseudo-values by half its interval: the bias that the jackknife finds is then within chance. An interval without units
must contain its value. If an evaluator needs more than images and labels, use `check_evaluator("sts", columns=f)`,
where `f(split)` returns a mapping of names to tensors.

**Optimizers** move a kernel, matrices, biases and a norm, in the two groups of the training loop; one of these has no
gradient. They run with a rate, with a thousandth of it, with gradients of zero, and from a checkpoint.

**Executors** run jobs that do nothing, on this machine, two at a time. One job is killed.

**Observers** get the events of a training and, in another process, the event of the end of a run.

**Options that name a file.** The component gets a copy of the file and another file of the same name.
`Config.fingerprint()` must be equal for the copy and different for the other file. A file that no option names is not
checked.

## Rules

- **Random numbers.** Building, `loss` and a backbone's forward pass in training may use the global generators. The
  harness seeds torch's before it builds, and torch's, numpy's and Python's before each step. Nothing else may seed
  them. Loading data, encoding, adapting, evaluating and observing must use generators of their own.
- **Constants are buffers.** A parameter must get a gradient within the first steps, or have `requires_grad=False` and
  be moved by `after_step`, as a momentum network. Register constants as buffers.

## Messages of the checks

Each row is a plugin that is broken in one point, and the kit's message, with measured numbers shortened. `uv run
python docs/conformance.py` makes the rows. `tests/conformance/test_kit.py` tests that no other check fails. The first
three checks of a method apply to all components. Without a GPU, torch's device `meta` replaces it.
"""


def page() -> str:
    """The whole document."""
    from tests.conformance.catalogue import BROKEN, ON_A_GPU, every, meet, plugins

    parts = [HEAD]
    with plugins():
        for kind in BROKEN:
            parts += [f"\n## {kind}\n", "| check | a plugin that | message |", "|---|---|---|"]
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
