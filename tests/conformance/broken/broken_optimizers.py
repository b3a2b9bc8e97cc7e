"""Optimizers that each keep the contract but for one point."""

import torch


class Good(torch.optim.Optimizer):
    """Momentum, weight decay, and a step that shrinks as they are counted."""

    def __init__(self, config, groups, budget):
        super().__init__(groups, {"lr": budget.lr, "weight_decay": 0.0})
        self.momentum = budget.momentum

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.move(group, weight)

    def move(self, group, weight):
        state = self.state[weight]
        state["steps"] = state.get("steps", 0) + 1
        velocity = state.setdefault("velocity", torch.zeros_like(weight))
        velocity.mul_(self.momentum).add_(weight.grad).add_(weight, alpha=group["weight_decay"])
        weight.sub_(velocity, alpha=group["lr"] / state["steps"])


class Factored(Good):
    """Keeps of each weight no more than the mean square of its gradient's rows, as Adafactor does."""

    def move(self, group, weight):
        square = weight.grad.square().flatten(1).mean(1) if weight.ndim > 1 else weight.grad.square()
        kept = self.state[weight].setdefault("square", torch.zeros_like(square)).lerp_(square, 0.1)
        scale = kept.sqrt().add(1e-8).reshape(-1, *[1] * (weight.ndim - 1))
        weight.sub_(weight.grad / scale + group["weight_decay"] * weight, alpha=group["lr"])


class NoDecay(Good):
    """Has no weight decay, and says so."""

    def __init__(self, config, groups, budget):
        from harness import UsageError

        super().__init__(config, groups, budget)
        if budget.weight_decay:
            raise UsageError("it has no weight decay")


class NoOptimizer:
    """has `step` and `param_groups`, and is no torch.optim.Optimizer"""

    def __init__(self, config, groups, budget):
        self.param_groups = groups

    def step(self):
        pass


class MatricesAlone(Good):
    """keeps the matrices and lets the other group go"""

    def __init__(self, config, groups, budget):
        super().__init__(config, groups[:1], budget)


class MatricesMove(Good):
    """leaves biases and norms where they start"""

    def move(self, group, weight):
        if group["matrices"]:
            super().move(group, weight)


class MovesAll(Good):
    """decays weights that have no gradient, too"""

    @torch.no_grad()
    def step(self):
        super().step()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])


class OwnRate(Good):
    """keeps the rate that it was made with"""

    def __init__(self, config, groups, budget):
        super().__init__(config, groups, budget)
        self.rate = budget.lr

    def move(self, group, weight):
        super().move({**group, "lr": self.rate}, weight)


class RateOfOneMore(Good):
    """adds a step of its own that no rate scales"""

    def move(self, group, weight):
        super().move(group, weight)
        weight.sub_(weight.grad.sign(), alpha=1e-3)


class DecaysAll(Good):
    """decays biases and norms as well"""

    def __init__(self, config, groups, budget):
        super().__init__(config, groups, budget)
        self.decay = budget.weight_decay

    def move(self, group, weight):
        super().move({**group, "weight_decay": self.decay}, weight)


class DecaysNothing(Good):
    """overlooks the weight decay"""

    def move(self, group, weight):
        super().move({**group, "weight_decay": 0.0}, weight)


class PlainVelocity(Good):
    """keeps its velocities in an attribute"""

    def __init__(self, config, groups, budget):
        super().__init__(config, groups, budget)
        self.velocities = {}

    def move(self, group, weight):
        self.state[weight]["velocity"] = self.velocities.setdefault(weight, torch.zeros_like(weight))
        super().move(group, weight)


class PlainCount(Good):
    """counts its steps in an attribute"""

    count = 0

    def step(self):
        self.count += 1
        super().step()

    def move(self, group, weight):
        super().move({**group, "lr": group["lr"] / self.count}, weight)


class Opaque(Good):
    """keeps an object in its state that no checkpoint can hold"""

    def move(self, group, weight):
        super().move(group, weight)
        self.state[weight]["kind"] = Good


class Threads(Good):
    """sets the number of torch's threads"""

    def step(self):
        torch.set_num_threads(2)
        super().step()


class Reseeding(Good):
    """seeds torch in each step"""

    def step(self):
        torch.manual_seed(0)
        super().step()


class OnTheCpu(Good):
    """makes a tensor on the CPU"""

    def move(self, group, weight):
        weight.grad = weight.grad + torch.zeros(weight.shape)
        super().move(group, weight)
