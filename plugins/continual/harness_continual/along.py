"""Methods that train an encoder along a stream of tasks, with a memory of earlier tasks or by distillation."""

from __future__ import annotations

import copy
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from harness_simclr.method import SimCLR, nt_xent, similarities
from torch import Tensor, nn

from harness import Backbone, Data, Method
from harness_continual import CaSSLeConfig, ERConfig, ERSimCLRConfig, LUMPConfig, LwFConfig
from harness_continual.tasks import COLUMN, TaskBatch, TaskStream

LABELS = "it learned from the labels of the training split"
BY_CLASS = "labels decided which samples came with which task"


class ER(Method):
    """Cross-entropy of a linear classifier, on the samples of the present task and as many of a memory (Chaudhry et al.
    2019, arXiv:1902.10486). With `memory: 0`, plain training along the stream: the floor."""

    config: ERConfig
    notes = (LABELS,)

    def __init__(self, backbone: nn.Module, config: ERConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = TaskStream(1, config.augment, config.tasks, config.passes, config.memory)
        self.classifier = nn.Linear(cast(Backbone, backbone).feature_dim, len(data.train.classes))

    def loss(self, batch: TaskBatch) -> dict[str, Tensor]:
        logits = self.classifier(self.backbone(torch.cat([batch.views[0], batch.old[0]]))).float()
        targets = torch.cat([batch.labels, batch.old_labels])
        return {"loss": F.cross_entropy(logits, targets), "accuracy": (logits.argmax(1) == targets).float().mean()}


class WithPrevious(Method):
    """Keeps the network as it was at the end of the task before."""

    compiles: ClassVar[bool] = False  # the loss copies the network when a task begins
    previous: nn.Module
    task: Tensor

    def keep_previous(self, *networks: nn.Module) -> None:
        self.previous = constant(nn.Sequential(*networks))
        self.register_buffer("task", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def begin(self, task: Tensor, *networks: nn.Module) -> bool:
        """Whether there was a task before; copy the network when one has just ended."""
        if int(task) != int(self.task):
            self.previous.load_state_dict(nn.Sequential(*networks).state_dict())
            self.task.copy_(task)
            self.ended()
        return bool(int(task))

    def ended(self) -> None:
        """Called when a task has ended."""

    def train(self, mode: bool = True) -> WithPrevious:
        super().train(mode)
        if hasattr(self, "previous"):
            self.previous.eval()
        return self

    def after_training(self) -> None:
        del self.previous


class LwF(WithPrevious):
    """Cross-entropy on the present task alone, while logits of classes of earlier tasks stay near those of the network
    before (Li and Hoiem 2016, arXiv:1606.09282)."""

    config: LwFConfig
    notes = (LABELS,)
    seen: Tensor  # (classes,): those that had a sample
    old: Tensor  # (classes,): those of earlier tasks

    def __init__(self, backbone: nn.Module, config: LwFConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = TaskStream(1, config.augment, config.tasks, config.passes, 0)
        classes = len(data.train.classes)
        self.classifier = nn.Linear(cast(Backbone, backbone).feature_dim, classes)
        self.keep_previous(backbone, self.classifier)
        self.register_buffer("seen", torch.zeros(classes, dtype=torch.bool))
        self.register_buffer("old", torch.zeros(classes, dtype=torch.bool))

    def loss(self, batch: TaskBatch) -> dict[str, Tensor]:
        later = self.begin(batch.task, self.backbone, self.classifier)
        self.seen[batch.labels] = True
        inputs = batch.views[0]
        logits = self.classifier(self.backbone(inputs)).float()
        learning, keeping = F.cross_entropy(logits, batch.labels), logits.new_zeros(())
        if later:
            with torch.no_grad():
                before = self.previous(inputs).float()
            keeping = distilled(logits[:, self.old], before[:, self.old], self.config.temperature)
        return {"loss": learning + self.config.weight * keeping, "learning": learning, "keeping": keeping}

    def ended(self) -> None:
        self.old.copy_(self.seen)


class ERSimCLR(SimCLR):
    """SimCLR on the samples of the present task and as many of a memory (Chaudhry et al. 2019, arXiv:1902.10486). With
    `memory: 0`, plain training along the stream: the floor."""

    config: ERSimCLRConfig
    distributed: ClassVar[bool] = False

    def __init__(self, backbone: nn.Module, config: ERSimCLRConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = TaskStream(2, config.augment, config.tasks, config.passes, config.memory)
        self.notes = of_classes(data)

    def loss(self, batch: TaskBatch) -> Tensor:  # type: ignore[override]  # batches of its own
        return super().loss(self.joined(batch))

    def joined(self, batch: TaskBatch) -> Tensor:
        """Views (2, N, ...) of new samples and of the memory."""
        return torch.cat([batch.views, batch.old], 1)


class LUMP(ERSimCLR):
    """SimCLR on views that are mixed with views of a memory (Madaan et al. 2022, arXiv:2110.06976). With `memory: 0`,
    plain training along the stream: the floor."""

    config: LUMPConfig

    def joined(self, batch: TaskBatch) -> Tensor:
        if not batch.old.shape[1]:
            return batch.views
        alpha = torch.tensor(self.config.alpha)
        share = torch.distributions.Beta(alpha, alpha).sample().to(batch.views)
        return share * batch.views + (1 - share) * batch.old


class CaSSLe(WithPrevious, SimCLR):
    """SimCLR whose projections, through a predictor, are also contrasted with those of the network before (Fini et al.
    2022, arXiv:2112.04215, eq. 4)."""

    config: CaSSLeConfig
    distributed: ClassVar[bool] = False

    def __init__(self, backbone: nn.Module, config: CaSSLeConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = TaskStream(2, config.augment, config.tasks, config.passes, 0)
        self.notes = of_classes(data)
        width, hidden = config.projection_dim, config.predictor_dim
        first = nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()
        self.predictor = nn.Sequential(*first, nn.Linear(hidden, width))
        self.keep_previous(backbone, self.projector)

    def loss(self, batch: TaskBatch) -> dict[str, Tensor]:  # type: ignore[override]  # batches of its own
        """In the first task, the predictor learns to give projections back, and nothing else learns from it."""
        later = self.begin(batch.task, self.backbone, self.projector)
        z = self.projected(batch.views)
        with torch.no_grad():
            before = self.previous(batch.views.flatten(0, 1)) if later else z
        learning = nt_xent(z, self.config.temperature)
        keeping = own_before(self.predictor(z if later else z.detach()), before.detach(), self.config.temperature)
        return {"loss": learning + self.config.weight * keeping, "learning": learning, "keeping": keeping}


def constant(network: nn.Module) -> nn.Module:
    """A copy in eval mode, whose weights are buffers: no optimizer sees them."""
    made = copy.deepcopy(network).eval()
    for module in list(made.modules()):
        for name, weight in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, weight.detach())
    return made


def distilled(logits: Tensor, before: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of softened predictions (N, C) with those before, times the temperature squared (Hinton et al.
    2015, arXiv:1503.02531), so that its gradient does not shrink with it."""
    return F.cross_entropy(logits / temperature, (before / temperature).softmax(1)) * temperature**2


def own_before(predicted: Tensor, before: Tensor, temperature: float) -> Tensor:
    """Each view of predicted (2N, D) is to find itself among all views of both as they were before (2N, D)."""
    both = similarities(torch.cat([predicted, before]), temperature)
    logits = both[: len(predicted), len(predicted) :]
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def of_classes(data: Data) -> tuple[str, ...]:
    return () if COLUMN in data.train.columns else (BY_CLASS,)
