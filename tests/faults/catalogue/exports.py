"""Encoders that cannot be taken out of a results folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import install
from tests.faults.making import ONE, RUN, half, trained
from tests.faults.meeting import Fault, elsewhere, here

EXPORT = ("export", "results", "classify", "--output", "encoders")
ENCODES = """\
from harness import Method, hookimpl


class Doubled(Method):
    def encode(self, inputs):
        return 2 * self.backbone(inputs)


@hookimpl
def register_methods(register):
    register("doubled", "plugin_mine:Doubled", summary="more than its backbone")
"""


def as_it_is(_: Path) -> None: ...


def untrained(cell: Path) -> None:
    (cell / "training.json").unlink()


def gone(cell: Path) -> None:
    (cell / "model.safetensors").unlink()


def there_already(cell: Path) -> None:
    (cell.parents[2] / "encoders" / "classify-flat-blobs-seed0").mkdir(parents=True)


def without_onnx(cell: Path) -> None:
    """A module of that name, found first, that is not there."""
    missing = "raise ModuleNotFoundError(\"No module named 'onnxscript'\", name='onnxscript')\n"
    (cell.parents[2] / "onnxscript.py").write_text(missing)


def two_seeds(folder: Path) -> None:
    _run(folder, ONE.replace("[0]", "[0, 1]"), here)


def of_more_than_its_backbone(folder: Path) -> None:
    install(folder, "mine", ENCODES)
    _run(folder, ONE.replace("[idle]", "[doubled]"), lambda *asked: elsewhere(*asked, {}, None))


def _run(folder: Path, suite: str, harness: Callable[[list[str], Path], tuple[int, str, str]]) -> None:
    (folder / "suite.yaml").write_text(suite)
    code, output, errors = harness([each.replace("FOLDER", str(folder)) for each in RUN], folder)
    assert code == 0, output + errors


EXPORTS = (
    Fault(
        "a method that the results have not",
        "there is no method 'clasify' in these results. Did you mean 'classify'?",
        trained(as_it_is),
        ("export", "results", "clasify", "--output", "encoders"),
    ),
    Fault(
        "a seed that the results have not",
        "'classify' has no seed '7' here. Known: ...",
        trained(as_it_is),
        (*EXPORT, "--seed", "7"),
    ),
    Fault(
        "a method that is several cells",
        "'idle' is 2 cells here: say which by --seed",
        two_seeds,
        ("export", "results", "idle", "--output", "encoders"),
    ),
    Fault("a cell that is not trained to the end", "is not trained to the end", trained(untrained), EXPORT),
    Fault("a model that is gone", "has no model in this folder", trained(gone), EXPORT),
    Fault(
        "a model that is damaged", "is damaged (it has", trained(lambda cell: half(cell / "model.safetensors")), EXPORT
    ),
    Fault("an encoder that is there already", "already exists", trained(there_already), EXPORT),
    Fault(
        "an export to ONNX without what writes it",
        "ONNX needs onnxscript, which is not installed: pip install 'rep-harness[onnx]'",
        trained(without_onnx),
        (*EXPORT, "--format", "onnx"),
        alone=True,
    ),
    Fault(
        "a method whose features are more than its backbone's",
        "its backbone alone does not give its features",
        of_more_than_its_backbone,
        ("export", "results", "doubled", "--output", "encoders"),
        alone=True,
    ),
)
