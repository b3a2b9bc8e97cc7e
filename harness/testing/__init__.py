"""The conformance kit: checks of plugins against common mistakes, in one line of a plugin's own tests.

    from harness.testing import check_method

    def test_conforms() -> None:
        check_method("mymethod", temperature=0.2)

Each check takes the registered name of an installed component and options of its `Config`, runs every check of its
kind, and raises ConformanceError with a list of all that failed: what was seen, and what to change. docs/conformance.md
has each check with a plugin that fails it. `load_plugin` makes a plugin known that is a single file.
"""

from harness.testing.backbones import check_backbone
from harness.testing.datasets import check_dataset
from harness.testing.evaluators import check_evaluator
from harness.testing.executors import check_executor
from harness.testing.files import load_plugin
from harness.testing.methods import check_method
from harness.testing.modalities import check_modality
from harness.testing.observers import check_observer
from harness.testing.optimizers import check_optimizer
from harness.testing.report import ConformanceError, Failure

__all__ = [
    "ConformanceError",
    "Failure",
    "check_backbone",
    "check_dataset",
    "check_evaluator",
    "check_executor",
    "check_method",
    "check_modality",
    "check_observer",
    "check_optimizer",
    "load_plugin",
]
