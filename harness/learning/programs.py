"""Writes an encoder as a program for torch.export and as ONNX, which run without the encoder's Python code."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError

PROGRAM, ONNX = "encoder.pt2", "encoder.onnx"
TOLERANCE = 1e-4
EXTRA = ("onnx", "onnxscript", "onnxruntime")
TRACED = 2  # samples; the batch may be of any size

Run = Callable[[Tensor], Tensor]


def difference(features: Tensor, own: Tensor) -> float:
    """The largest difference of features: absolute, and relative where they are above 1."""
    if features.shape != own.shape:
        return float("inf")
    return float(((features - own).abs() / own.abs().clamp_min(1)).max())


def to_program(network: nn.Module, given: Tensor, own: Tensor, folder: Path) -> str:
    """Write encoder.pt2; return why it failed, or ""."""

    def write(file: Path) -> Run:
        torch.export.save(_program(network, given), file)
        return torch.export.load(file).module()

    return _write_and_compare(write, given, own, folder / PROGRAM)


def to_onnx(network: nn.Module, given: Tensor, own: Tensor, folder: Path) -> str:
    """Write encoder.onnx; return why it failed, or ""."""
    import onnxruntime

    def write(file: Path) -> Run:
        torch.onnx.export(
            _program(network, given),
            (),
            file,
            dynamo=True,
            external_data=False,
            input_names=["samples"],
            output_names=["features"],
        )
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        [name] = [each.name for each in session.get_inputs()]
        return lambda samples: torch.from_numpy(session.run(None, {name: samples.numpy()})[0])

    return _write_and_compare(write, given, own, folder / ONNX)


def require_onnx() -> None:
    """Raises UsageError if what writes and runs ONNX is not installed."""
    from importlib import import_module

    for name in EXTRA:
        try:
            import_module(name)
        except ImportError as error:
            raise UsageError(f"ONNX needs {name}, which is not installed: pip install 'rep-harness[onnx]'") from error


def _program(network: nn.Module, given: Tensor) -> torch.export.ExportedProgram:
    batch = {0: torch.export.Dim("batch", min=1)}
    return torch.export.export(network, (given[:TRACED],), dynamic_shapes=(batch,), strict=False)


def _write_and_compare(write: Callable[[Path], Run], given: Tensor, own: Tensor, file: Path) -> str:
    """Write a file, and keep it if it gives the right features for all samples and for a single one; return why not, or
    "".
    """
    try:
        with _silence(), torch.no_grad():
            run = write(file)
            far = max(difference(run(given), own), difference(run(given[:1]), own[:1]))
    except Exception as error:  # noqa: BLE001 (what a network does that a program cannot, it says in many ways)
        file.unlink(missing_ok=True)
        said = next((line for line in str(error).splitlines() if line.strip()), "")
        return f"{type(error).__name__}: {said.strip()[:200]}"
    if far > TOLERANCE:
        file.unlink()
        return f"its features are {far:.2g} from the cell's, and may be {TOLERANCE:g}"
    return ""


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress the output of exporters."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
