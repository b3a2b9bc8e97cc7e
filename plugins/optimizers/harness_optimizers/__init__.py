"""Registers `sgd`, `adam`, `adamw` and `lars`."""

from __future__ import annotations

from harness import Register, hookimpl


@hookimpl
def register_optimizers(register: Register) -> None:
    register(
        "sgd",
        "harness_optimizers.of_torch:sgd",
        summary="Stochastic gradient descent with the budget's momentum",
        paper="Sutskever et al. 2013, On the importance of initialization and momentum in deep learning",
    )
    register(
        "adam",
        "harness_optimizers.of_torch:adam",
        summary="Adam with torch's betas; weight decay is added to the gradient",
        paper="Kingma and Ba 2015, arXiv:1412.6980",
    )
    register(
        "adamw",
        "harness_optimizers.of_torch:adamw",
        summary="Adam with decoupled weight decay",
        paper="Loshchilov and Hutter 2019, arXiv:1711.05101",
    )
    register(
        "lars",
        "harness_optimizers.lars:lars",
        summary="SGD with momentum whose rate is adapted to each matrix or kernel, for large batches",
        paper="You et al. 2017, arXiv:1708.03888",
    )
