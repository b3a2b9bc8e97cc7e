"""imports what is heavy to register"""

import scipy

from harness import hookimpl


@hookimpl
def register_methods(register):
    register("Eager", "good_methods:Classify", budget={"lr": 0.1}, summary=f"made with scipy {scipy.__version__}")


@hookimpl
def cell_started(event):
    print(end="")
