"""Observers that each keep the contract but for one point. Entry points name the objects at the end."""

from harness import hookimpl


class Mute:
    """implements no hook"""


class Expectant:
    """takes it that every step logs an accuracy"""

    @hookimpl
    def step_logged(self, event):
        self.latest = event.metrics["accuracy"]


class Remembering:
    """takes it that the end of a cell is told where its start was"""

    def __init__(self):
        self.started = {}

    @hookimpl
    def cell_started(self, event):
        self.started[event.cell["suite"]] = event.folder

    @hookimpl
    def cell_finished(self, event):
        del self.started[event.cell["suite"]]


class Clearing:
    """removes what it has read from the event"""

    @hookimpl
    def step_logged(self, event):
        event.metrics.pop("loss")


class Threads:
    """sets the number of torch's threads"""

    @hookimpl
    def cell_started(self, event):
        import torch

        torch.set_num_threads(2)


class Seeding:
    """seeds Python's global generator"""

    @hookimpl
    def cell_started(self, event):
        import random

        random.seed(event.cell["seed"])


mute, expectant, remembering, clearing, threads, seeding = (
    Mute(),
    Expectant(),
    Remembering(),
    Clearing(),
    Threads(),
    Seeding(),
)
