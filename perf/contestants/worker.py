"""A contestant's side of the protocol: build, warm up, say so, then one timed repetition for each line on stdin."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

Options = Mapping[str, Any]  # threads, device, precision, loader_workers, and what the comparison sets


@dataclass
class Work:
    """`run` does one repetition and gives the units done; `network`, if any, must be as large as the others'."""

    run: Callable[[], int]
    network: nn.Module | None = None


def serve(works: Mapping[str, Callable[[Options], Work]], distributions: Sequence[str] | Mapping[str, str]) -> None:
    """Do the work named by the first argument, with options in the second; `distributions` take part (or: versions)."""
    name, options = sys.argv[1], json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    torch.set_num_threads(options["threads"])
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options["precision"] == "tf32"
    torch.manual_seed(0)
    work = works[name](options)
    for _ in range(options.get("warm_up", 1)):
        timed(work, options)
    found = distributions if isinstance(distributions, Mapping) else None
    versions = found or {each: version(each) for each in (*distributions, "torch")}
    about = {"versions": versions, "parameters": size(work.network)}
    print(json.dumps(about), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(timed(work, options)), file=answers, flush=True)


def timed(work: Work, options: Options) -> dict[str, float]:
    synchronize(options)
    started = time.perf_counter()
    units = work.run()
    synchronize(options)
    return {"seconds": time.perf_counter() - started, "units": units}


def synchronize(options: Options) -> None:
    if options["device"] == "cuda":
        torch.cuda.synchronize()


def size(network: nn.Module | None) -> int | None:
    """Trainable parameters."""
    return None if network is None else sum(each.numel() for each in network.parameters() if each.requires_grad)
