"""Parts of the toy plugin that misbehave for real: they hang, take memory, or leave processes behind."""

import multiprocessing
import os
import signal
import time

import torch

from harness import Labelled, Method


class Misbehave(Method):
    """A method whose step does what its option says."""

    def __init__(self, backbone, config, data):
        super().__init__(backbone, config, data)
        self.batches = Labelled()

    def loss(self, batch):
        return self.backbone(batch.inputs).square().mean()

    def after_step(self, step, steps):
        if step == 2:
            getattr(self, self.config.how)()

    def hang(self):
        """Not even SIGTERM ends it, and a process that it started would outlive it."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
        time.sleep(600)

    def grow(self):
        """Takes memory until somebody stops it."""
        self.held = []
        while True:
            self.held.append(torch.ones(25, 10**6))
            time.sleep(0.02)

    def spoil(self):
        """What a gradient that is not finite does; if it is the last one, no loss tells."""
        self.backbone.linear.weight.data.fill_(float("nan"))

    def leave(self):
        """By the exit code with which a job says that another run has its cell."""
        os._exit(75)

    def explain(self):
        error = ValueError("what is wrong")
        error.add_note("what may help")
        raise error

    def abort(self):
        """As the C library does when it finds its memory spoiled."""
        os.write(2, b"double free or corruption (!prev)\n")
        os.abort()

    def crash(self):
        """Later, when it encodes."""
        self.crashes = True

    def encode(self, images):
        if getattr(self, "crashes", False):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().encode(images)

    def allocate(self):
        """More than any machine has."""
        torch.empty(1 << 50)
