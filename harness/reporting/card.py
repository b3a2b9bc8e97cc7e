"""Writes the model card (README) of an exported encoder from its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.base.wording import quantity
from harness.reporting.leaderboard.choosing import Chosen
from harness.reporting.leaderboard.markdown import escape
from harness.reporting.leaderboard.provenance import provenance
from harness.reporting.leaderboard.text import MISSING, amount, clean, mean_with_half_width, settings
from harness.store.records import display_of, spent

SAFETENSORS, PROGRAM, ONNX = "encoder.safetensors", "encoder.pt2", "encoder.onnx"


def card(
    chosen: Chosen,
    folder: str,
    described: Mapping[str, Any],
    files: Sequence[str],
    papers: Mapping[str, str],
    library_code: str,
    *,
    loads: bool,
) -> str:
    """Markdown. `folder`: what the encoder's is called; `described`: what its encoder.json says; `papers`: of method
    and backbone; `library_code`: what makes the network without harness; `loads`: whether `load_encoder` takes it."""
    parts = [
        f"# {escape(clean(chosen.name))}",
        _about(described),
        "## Use",
        *_use(folder, described, files, library_code, loads=loads),
        "## Scores",
        *_scores(chosen),
        "## Training",
        _bullets(_training(chosen, papers)),
        "## Provenance",
        _bullets([f"Cell: {chosen.record.id}", *_origin(chosen)]),
    ]
    return "\n\n".join(parts) + "\n"


def _about(described: Mapping[str, Any]) -> str:
    given = described["input"]
    normalises = "" if given["mean"] is None else " It normalises them itself, by the moments in `encoder.json`."
    size = " Other sizes are taken as well." if given["any_size"] else ""
    return (
        f"A trained encoder. It takes {escape(given['takes'])}, as a batch {_batch(given)}, and gives "
        f"{described['feature_dim']} features of each.{size}{normalises}"
    )


def _batch(given: Mapping[str, Any]) -> str:
    return f"({', '.join(['N', *map(str, given['shape'])])})"


def _use(
    folder: str, described: Mapping[str, Any], files: Sequence[str], library_code: str, *, loads: bool
) -> Iterator[str]:
    given = described["input"]
    yield "Paths are meant from the folder that holds this one."
    if loads:
        yield "With harness:"
        yield _python(
            "import harness",
            "",
            f'encoder = harness.load_encoder("{folder}")',
            f"features = encoder(samples)  # {given['dtype']} {_batch(given)}",
        )
    if SAFETENSORS in files and library_code:
        yield "Without harness, with the library that the network is from:"
        yield _python(*_by_library(folder, given, library_code))
    if PROGRAM in files:
        yield "Without harness, with torch alone:"
        yield _python(
            "import torch",
            "",
            f'encoder = torch.export.load("{folder}/{PROGRAM}").module()',
            "features = encoder(samples)",
        )
    if ONNX in files:
        yield "Without torch, in ONNX Runtime:"
        yield _python(
            "import onnxruntime",
            "",
            f'session = onnxruntime.InferenceSession("{folder}/{ONNX}")',
            '[features] = session.run(None, {"samples": samples})  # an array of numpy',
        )
    if SAFETENSORS in files:
        yield f"In a suite, as what a backbone starts from: `weights: {folder}/{SAFETENSORS}`."


def _by_library(folder: str, given: Mapping[str, Any], library_code: str) -> Iterator[str]:
    lines = library_code.splitlines()
    imports = {line for line in lines if line.startswith(("import ", "from "))}
    needed = {"from safetensors.torch import load_file", *(["import torch"] if given["mean"] else [])}
    yield from sorted(imports | needed, key=lambda line: line.split()[1])
    yield ""
    yield from (line for line in lines if line and line not in imports)
    yield f'network.load_state_dict(load_file("{folder}/{SAFETENSORS}"))'
    yield "network.eval()"
    if given["mean"] is None:
        yield "features = network(samples)"
        return
    channels = "[:, None, None]" if len(given["shape"]) == 3 else ""
    yield f"mean = torch.tensor({given['mean']}){channels}"
    yield f"std = torch.tensor({given['std']}){channels}"
    yield "features = network((samples - mean) / std)"


def _scores(chosen: Chosen) -> Iterator[str]:
    table, row, record = chosen.table, chosen.row, chosen.record
    several = row.seeds > 1
    rows = []
    for column, score in zip(table.columns, row.scores, strict=True):
        evaluation = record.evaluations.get(column.key[0])
        metric = (evaluation or {}).get("metrics", {}).get(column.key[1])
        if metric is None or score is None or metric["value"] is None:
            continue
        percent = display_of(column.key[1], metric) == "percent"
        own = mean_with_half_width(metric["value"], metric.get("half_width"), percent=percent)
        over = mean_with_half_width(score.interval.mean, score.interval.half_width, percent=percent)
        of = quantity(metric["n"], metric.get("unit") or "unit") if metric.get("n") else MISSING
        rows.append([column.full, own, *([over] if several else []), of, str(metric.get("protocol") or MISSING)])
    if not rows:
        yield "No evaluator has scored it."
        return
    yield _table(["evaluator", "score", *([f"mean of {row.seeds} seeds"] if several else []), "of", "protocol"], rows)
    yield (
        "Accuracies are in %. ± behind a score is half of its 95 % interval over the samples or episodes that it is "
        "of: how closely this one training was measured, and not how another seed would do."
        + (" Behind the mean it is that over seeds." if several else "")
    )


def _training(chosen: Chosen, papers: Mapping[str, str]) -> Iterator[str]:
    cell, training = chosen.record.cell, chosen.record.training or {}
    for axis in ("method", "backbone"):
        component, paper = cell[axis], papers.get(axis)
        yield f"{axis.capitalize()}: {component['label']}" + (f". {paper}" if paper else "")
    yield f"Data: {cell['dataset']['label']}"
    if weights := training.get("weights"):
        yield f"It started from {weights.get('name') or weights.get('file')}" + "".join(
            f"; {note}" for note in weights.get("notes") or ()
        )
    for start in cell.get("starts") or ():
        yield f"It started from the backbone of {start['name']}"
    yield f"Budget: {settings(_budget(cell['budget'])) or 'none'}; seed {cell['seed']}"
    costs = {
        "seconds": amount(seconds) if (seconds := spent(training, "seconds")) is not None else None,
        "samples seen": f"{seen:,.0f}" if (seen := spent(training, "samples")) is not None else None,
        "samples a second": amount(speed) if (speed := training.get("samples_per_second")) is not None else None,
        "MB of memory at most": amount(peak) if (peak := training.get("peak_memory_mb")) is not None else None,
    }
    yield "Cost: " + ", ".join(f"{value} {what}" for what, value in costs.items() if value is not None)


def _budget(budget: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value["name"] if isinstance(value, Mapping) else value for key, value in budget.items()}


def _origin(chosen: Chosen) -> list[str]:
    """What the leaderboard says of a table's numbers, of this cell alone."""
    return provenance(replace(chosen.table, rows=(replace(chosen.row, cells=(chosen.record,)),)))


def _bullets(lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(f"- {escape(clean(line))}" for line in lines)


def _python(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```"])


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from tabulate import tabulate

    cells = [[escape(clean(each)) for each in row] for row in rows]
    return tabulate(cells, headers=list(headers), tablefmt="pipe", disable_numparse=True)
