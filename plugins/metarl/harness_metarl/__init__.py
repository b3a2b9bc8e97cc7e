"""Registers tasks that are environments (`point_robot`), `transition_mlp`, the methods and `adaptation`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from harness import Register, hookimpl, option


def _at_least_one(config: Any) -> None:
    """Whole numbers count something, but for seeds."""
    for each in fields(config):
        value = getattr(config, each.name)
        if isinstance(value, int) and not isinstance(value, bool) and value < 1 and each.name != "seed":
            raise ValueError(f"{each.name} must be at least 1, not {value}")


def _shares(config: Any, *names: str) -> None:
    """Raises ValueError for an option that is not in 0 .. 1."""
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise ValueError(f"{name} must be in 0 .. 1, not {getattr(config, name)}")


@dataclass(frozen=True)
class PointRobotConfig:
    """Options of the point robot."""

    reward: Literal["dense", "sparse"] = option("dense", "the distance at every step, or only near the goal")
    horizon: int = option(20, "steps of an episode")
    train: int = option(80, "training tasks")
    novel: int = option(100, "tasks that are scored")
    seed: int = option(0, "of the goals")

    def __post_init__(self) -> None:
        _at_least_one(self)


@dataclass(frozen=True)
class HalfCheetahVelConfig:
    """Options of the half-cheetah; the authors' numbers of tasks."""

    horizon: int = option(200, "steps of an episode")
    train: int = option(100, "training tasks")
    novel: int = option(30, "tasks that are scored")
    seed: int = option(0, "of the velocities")

    def __post_init__(self) -> None:
        _at_least_one(self)


@dataclass(frozen=True)
class TransitionMLPConfig:
    """Options of the network over transitions."""

    width: int = option(64, "width of layers and features; the authors' is 200")
    layers: int = option(3, "layers")

    def __post_init__(self) -> None:
        _at_least_one(self)


@dataclass(frozen=True)
class OffPolicyConfig:
    """Options of SAC over tasks."""

    width: int = option(64, "width of policy, Q and value; the authors' is 300")
    layers: int = option(2, "hidden layers of policy, Q and value; the authors have 3")
    discount: float = option(0.99, "of the value of the next step")
    reward_scale: float = option(100.0, "what rewards are multiplied by; 1 over the weight of the entropy")
    target_rate: float = option(0.005, "share of the value network that its target takes over at each step")
    transitions: int = option(256, "transitions of each task in a step")
    collect_every: int = option(20, "steps between collections of episodes of all training tasks")
    first_episodes: int = option(5, "collections before the first step")
    replay: int = option(2000, "transitions of each task that are kept")

    def __post_init__(self) -> None:
        _at_least_one(self)
        if not 0 <= self.discount < 1:
            raise ValueError(f"discount must be at least 0 and below 1, not {self.discount}")
        if self.reward_scale <= 0:
            raise ValueError(f"reward_scale must be positive, not {self.reward_scale}")
        if not 0 < self.target_rate <= 1:
            raise ValueError(f"target_rate must be above 0 and at most 1, not {self.target_rate}")


@dataclass(frozen=True)
class SACConfig(OffPolicyConfig):
    """Options of SAC without adaptation."""

    goal: bool = option(False, "whether the task is an input of the policy, which gives an upper bound for adaptation")


@dataclass(frozen=True)
class PEARLConfig(OffPolicyConfig):
    """Options of PEARL."""

    latent_dim: int = option(5, "numbers of the posterior over the task")
    kl_weight: float = option(0.1, "weight of the divergence between posterior and prior, summed over tasks")
    context: int = option(64, "transitions of a context in training, drawn from recent episodes")
    recent_episodes: int = option(5, "latest episodes by the prior that contexts are drawn from")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kl_weight < 0:
            raise ValueError(f"kl_weight must not be negative, but is {self.kl_weight}")


@dataclass(frozen=True)
class RL2Config:
    """Options of RL²."""

    width: int = option(64, "width of the recurrent state, of policy and value")
    episodes: int = option(5, "episodes of a trial")
    discount: float = option(0.95, "of the value of the next step, over the whole trial")
    gae: float = option(0.9, "lambda of generalised advantages: 1 has no bias, 0 the least variance")
    entropy_weight: float = option(0.001, "weight of the policy's negative entropy")
    value_weight: float = option(0.5, "weight of the loss of the value")

    def __post_init__(self) -> None:
        _at_least_one(self)
        _shares(self, "discount", "gae")
        for name in ("entropy_weight", "value_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}")


@dataclass(frozen=True)
class MAMLPGConfig:
    """Options of MAML by policy gradients."""

    width: int = option(64, "width of the policy; the authors' is 100")
    layers: int = option(2, "hidden layers of the policy")
    episodes: int = option(1, "episodes of each task before its adaptation, and as many after it; the authors' are 20")
    inner_lr: float = option(0.1, "rate of the step that adapts the policy to a task")
    discount: float = option(0.9, "of the value of the next step")
    gae: float = option(0.9, "lambda of generalised advantages: 1 has no bias, 0 the least variance")

    def __post_init__(self) -> None:
        _at_least_one(self)
        if self.inner_lr <= 0:
            raise ValueError(f"inner_lr must be positive, not {self.inner_lr}")
        _shares(self, "discount", "gae")


@dataclass(frozen=True)
class AdaptationConfig:
    """Options of the return after adaptation."""

    episodes: int = option(5, "episodes of each task")
    repeats: int = option(
        4, "adaptations in each task, from different initial states; the return of the task is their mean"
    )
    split: str = option("novel", "split of the tasks")
    seed: int = option(0, "of starts, and of the numbers that methods draw")

    def __post_init__(self) -> None:
        _at_least_one(self)


ADAM = {"optimizer": "adam", "lr": 1e-3, "schedule": "constant", "batch_size": 16}  # the authors': 3e-4, 16 tasks


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "point_robot",
        "harness_metarl.tasks:PointRobotTasks",
        PointRobotConfig,
        modality="task",
        summary="A point that must find an unknown goal; each goal is a task",
        paper="Rakelly et al. 2019, arXiv:1903.08254",
    )
    register(
        "half_cheetah_vel",
        "harness_metarl.cheetah:HalfCheetahVelTasks",
        HalfCheetahVelConfig,
        modality="task",
        summary="A simulated cheetah that must run at an unknown velocity; needs the extra mujoco",
        paper="Rakelly et al. 2019, arXiv:1903.08254",
    )


@hookimpl
def register_backbones(register: Register) -> None:
    register(
        "transition_mlp",
        "harness_metarl.networks:TransitionMLP",
        TransitionMLPConfig,
        modality="task",
        summary="A perceptron over each transition (state, action, reward) of a context",
    )


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "pearl",
        "harness_metarl.pearl:PEARL",
        PEARLConfig,
        summary="SAC that conditions on a latent variable of the task, inferred from transitions",
        family="meta-reinforcement learning",
        paper="Rakelly et al. 2019, arXiv:1903.08254",
        budget=ADAM,
    )
    register(
        "sac",
        "harness_metarl.sac:SAC",
        SACConfig,
        summary="One soft actor-critic for all tasks, without adaptation; optionally with the task as an input",
        family="meta-reinforcement learning",
        paper="Haarnoja et al. 2018, arXiv:1801.01290",
        budget=ADAM,
    )
    register(
        "rl2",
        "harness_metarl.rl2:RL2",
        RL2Config,
        summary="A recurrent policy that is trained on the return of several episodes of a task",
        family="meta-reinforcement learning",
        paper="Duan et al. 2016, arXiv:1611.02779",
        budget={**ADAM, "batch_size": 40, "clip": 1.0},
    )
    register(
        "maml_pg",
        "harness_metarl.maml_pg:MAMLPG",
        MAMLPGConfig,
        summary="First weights of a policy, from which one policy gradient step adapts to a task",
        family="meta-reinforcement learning",
        paper="Finn et al. 2017, arXiv:1703.03400",
        budget={**ADAM, "batch_size": 40, "clip": 1.0},
    )


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "adaptation",
        "harness_metarl.adaptation:Adaptation",
        AdaptationConfig,
        summary="The return of each of the first episodes in new tasks; the method adapts between them",
    )
