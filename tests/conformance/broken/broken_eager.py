"""imports torch to register"""

import torch

from harness import hookimpl


@hookimpl
def register_methods(register):
    register("Eager", "broken_methods:Classify", budget={"lr": 0.1})


@hookimpl
def cell_started(event):
    torch.cuda.is_available()
