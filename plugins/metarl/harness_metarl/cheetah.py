"""A half-cheetah that must run at an unknown velocity, simulated by MuJoCo through gymnasium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness import Dataset, Modality, Split, UsageError
from harness_metarl import HalfCheetahVelConfig
from harness_metarl.environments import Step
from harness_metarl.tasks import Tasks

FASTEST = 3.0  # of the velocities that are drawn, in metres a second
CONTROL_COST = 0.05  # of the squared actions, as in the authors' code
START_NOISE = 0.1


class HalfCheetahVel:
    """A task is a velocity (N, 1). A state is positions and velocities of all joints (N, 18), and the simulator is set
    to it before each step, one task after the other. The reward is -|velocity - wanted| - 0.05 |action|², as in the
    code of Rakelly et al. 2019; observations are the 17 numbers of gymnasium's HalfCheetah-v5; the authors have 20."""

    name = "half-cheetah"
    task_dim = 1
    observation_dim, action_dim, start_numbers = 17, 6, 18

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        try:
            import gymnasium
            import mujoco
        except ModuleNotFoundError as error:
            raise UsageError(
                f"half_cheetah_vel needs {error.name}, which is not installed: pip install 'rep-harness-metarl[mujoco]'"
            ) from error
        self.mujoco = mujoco
        self.simulator: Any = gymnasium.make("HalfCheetah-v5").unwrapped

    def __reduce__(self) -> tuple[type[HalfCheetahVel], tuple[int]]:
        """A copy has a simulator of its own: scores while training are those of a copy of the method, and neither the
        simulator nor a module can be copied."""
        return type(self), (self.horizon,)

    def start(self, tasks: Tensor, uniform: Tensor) -> Tensor:
        """Near the first pose, at rest: each number is moved by up to 0.1."""
        pose = np.concatenate([self.simulator.init_qpos, self.simulator.init_qvel]).astype(np.float32)
        return torch.from_numpy(pose).to(tasks.device) + START_NOISE * (2 * uniform - 1)

    def observe(self, state: Tensor) -> Tensor:
        """All but the place along the way."""
        return state[:, 1:]

    def step(self, tasks: Tensor, state: Tensor, action: Tensor) -> Step:
        action = action.clamp(-1, 1)
        rows = zip(state.double().cpu().numpy(), action.double().cpu().numpy(), strict=True)
        after = np.stack([self.simulated(*row) for row in rows])
        following = torch.from_numpy(after.astype(np.float32)).to(state.device)
        velocity = torch.from_numpy(after[:, 0]).to(state.device).float() - state[:, 0]
        reward = -(velocity / self.simulator.dt - tasks[:, 0]).abs() - CONTROL_COST * action.square().sum(1)
        return Step(following, reward, reward)

    def simulated(self, state: np.ndarray, action: np.ndarray) -> np.ndarray:
        self.mujoco.mj_resetData(self.simulator.model, self.simulator.data)  # nothing is kept of another task
        self.simulator.set_state(state[:9], state[9:])
        self.simulator.do_simulation(action, self.simulator.frame_skip)
        return np.concatenate([self.simulator.data.qpos, self.simulator.data.qvel])

    def oracle(self, tasks: Tensor, state: Tensor) -> None:  # noqa: ARG002 (the interface of environments)
        """No policy is known that is the best."""
        return


class HalfCheetahVelTasks(Dataset):
    """Velocities, uniform from 0 to FASTEST: `train` and `novel` are drawn apart."""

    config: HalfCheetahVelConfig

    def load(self) -> Mapping[str, Split]:
        generator = torch.Generator().manual_seed(self.config.seed)
        sizes = {"train": self.config.train, "novel": self.config.novel}
        return {name: Split(FASTEST * torch.rand(number, 1, generator=generator)) for name, number in sizes.items()}

    def modality(self, splits: Mapping[str, Split]) -> Modality:  # noqa: ARG002 (nothing is measured)
        return Tasks(HalfCheetahVel(self.config.horizon))
