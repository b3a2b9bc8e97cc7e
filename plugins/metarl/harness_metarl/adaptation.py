"""The evaluator `adaptation`: the return of each episode in new tasks."""

from __future__ import annotations

import torch
from torch import Tensor

from harness import Data, Evaluator, Method, Metric, Trained, UsageError
from harness_metarl import AdaptationConfig
from harness_metarl.environments import Environment, oracle_policy, rollout
from harness_metarl.learner import Learner
from harness_metarl.tasks import environment_of

FOLDS = 10  # of tasks, for the regression of the task on what is believed of it
RIDGE = 1.0  # weight of the squared coefficients, of standardised features


class Adaptation(Evaluator):
    """A method acts for some episodes in each task, and adapts after each. Starts depend on the seed alone, so that all
    methods are compared on the same ones."""

    config: AdaptationConfig

    def check(self, method: Method, data: Data) -> None:
        environment_of(data, "adaptation")
        if not isinstance(method, Learner):
            raise UsageError(f"'adaptation' scores methods that act, such as pearl; {type(method).__name__} does not.")
        if len(data.split(self.config.split)) < 2 * FOLDS:
            raise UsageError(f"the split '{self.config.split}' has fewer than {2 * FOLDS} tasks.")

    @torch.no_grad()
    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        environment, method, repeats = environment_of(trained.data, "adaptation"), trained.method, self.config.repeats
        assert isinstance(method, Learner)
        samples = trained.data.split(self.config.split).samples
        assert isinstance(samples, Tensor)
        tasks = samples.repeat(repeats, 1)
        starts = self.starts(len(tasks), environment).to(tasks.device)
        returns, belief = adapt(method, environment, tasks, starts, self.generator(1))
        protocol = f"adaptation after each episode, each task {repeats} times"
        metrics = {
            f"episode {number}": Metric.mean(
                own.unflatten(0, (repeats, -1)).mean(0),
                "task",
                protocol=protocol,
                details=self.bounds(environment, tasks, starts[number - 1]),
            )
            for number, own in enumerate(returns, 1)
        }
        if belief is not None:
            fold = torch.arange(len(samples), device=tasks.device).repeat(repeats) % FOLDS
            score, left_out = r2(belief.double(), tasks.double(), fold)
            words = f"ridge regression of the task on what is believed after the last episode, {FOLDS}-fold"
            metrics["task R²"] = Metric.jackknife(score, left_out, "group", protocol=words)
        return metrics

    def generator(self, purpose: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.config.seed * 3 + purpose)

    def starts(self, tasks: int, environment: Environment) -> Tensor:
        """Uniform numbers (episodes, N, R) that starts are made of."""
        return torch.rand(self.config.episodes, tasks, environment.start_numbers, generator=self.generator(0))

    def bounds(self, environment: Environment, tasks: Tensor, starts: Tensor) -> dict[str, float]:
        """The mean return of the policy that knows the task, if there is one, and of uniform random actions."""
        generator, best = self.generator(2), oracle_policy(environment, tasks, starts)

        def act(seen: Tensor) -> Tensor:
            return (2 * torch.rand(len(seen), environment.action_dim, generator=generator) - 1).to(seen.device)

        chance = rollout(environment, tasks, starts, act).rewards.sum(1).mean().item()
        return {**({} if best is None else {"oracle": best.mean().item()}), "random policy": chance}


def adapt(
    method: Learner, environment: Environment, tasks: Tensor, starts: Tensor, generator: torch.Generator
) -> tuple[list[Tensor], Tensor | None]:
    """Let a method adapt.

    Args:
        method: The method, in eval mode.
        environment: The environment.
        tasks: The tasks (N, G).
        starts: Uniform numbers (episodes, N, R) that starts are made of.
        generator: Source of the numbers that the method draws.

    Returns:
        The returns (N,) of each episode, and what the method believes of the tasks in the end (N, D), or None.
    """
    memory, returns, contexts = method.begin(tasks, generator), [], []

    def act(seen: Tensor) -> Tensor:
        return method.act(seen, memory)

    def notice(transitions: Tensor) -> None:
        nonlocal memory
        memory = method.notice(memory, transitions)

    for start in starts:
        episode = rollout(environment, tasks, start, act, notice)
        returns.append(episode.rewards.sum(1))
        contexts.append(episode.transitions)
        memory = method.learn(memory, torch.cat(contexts, 1), generator)
    return returns, method.belief(memory)


def r2(features: Tensor, targets: Tensor, fold: Tensor) -> tuple[float, Tensor]:
    """How much of the targets' variance a ridge regression on features explains, cross-validated.

    Args:
        features: Features (N, D), float64.
        targets: Targets (N, G), float64.
        fold: Which part a row is in, int64 (N,) in 0 .. FOLDS - 1.

    Returns:
        R² over all target dimensions, and R² without each of FOLDS parts (FOLDS,).
    """
    missed, spread = torch.empty(2, FOLDS, dtype=features.dtype, device=features.device)
    for part in range(FOLDS):
        held = fold == part
        mean, deviation = features[~held].mean(0), features[~held].std(0).clamp_min(1e-12)
        known, asked = ((features[rows] - mean) / deviation for rows in (~held, held))
        centre = targets[~held].mean(0)
        ridge = RIDGE * torch.eye(known.shape[1], dtype=known.dtype, device=known.device)
        weights = torch.linalg.solve(known.T @ known + ridge, known.T @ (targets[~held] - centre))
        missed[part] = (targets[held] - centre - asked @ weights).square().sum()
        spread[part] = (targets[held] - centre).square().sum()
    return float(1 - missed.sum() / spread.sum()), 1 - (missed.sum() - missed) / (spread.sum() - spread)
