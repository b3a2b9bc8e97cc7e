"""ANIL: almost no inner loop."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Classifier, EpisodeBatch
from harness_maml.learner import MetaLearner


class ANIL(MetaLearner):
    """MAML whose inner loop changes the head alone (Raghu et al. 2019, section 4), all tasks at once."""

    name = "anil"

    def loss(self, batch: EpisodeBatch) -> dict[str, Tensor]:
        """Mean over the tasks of the queries' cross-entropy after adaptation, and their accuracy."""
        tasks, shots = batch.support.shape[:2]
        images = torch.cat([batch.support, batch.query], 1)
        features = self.backbone(images.flatten(0, 1)).unflatten(0, (tasks, -1))
        heads = self.learn(features[:, :shots], batch.support_labels, self.config.ways, self.config.inner_steps)
        logits, targets = predict(features[:, shots:], *heads).flatten(0, 1), batch.query_labels.flatten()
        return {"loss": F.cross_entropy(logits, targets), "accuracy": (logits.argmax(1) == targets).float().mean()}

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Classifier:
        """`support` (E, S, D): each episode takes `test_steps` gradient steps on its head."""
        with torch.enable_grad():
            heads = self.learn(support, labels, ways, self.config.test_steps)
        weight, bias = (part.detach() for part in heads)
        return lambda query: predict(query, weight, bias)

    def learn(self, features: Tensor, labels: Tensor, ways: int, steps: int) -> tuple[Tensor, Tensor]:
        """Heads of E tasks, (E, ways, D) and (E, ways), after `steps` inner steps on `features` (E, S, D)."""
        tasks, shots = labels.shape
        weight = self.head.weight[:ways].expand(tasks, -1, -1)
        bias = self.head.bias[:ways].expand(tasks, -1)
        for _ in range(steps):
            logits = predict(features, weight, bias).flatten(0, 1)
            loss = F.cross_entropy(logits, labels.flatten(), reduction="sum") / shots  # every task's own mean, summed
            slopes = torch.autograd.grad(loss, (weight, bias), create_graph=self.training)
            weight, bias = weight - self.config.inner_lr * slopes[0], bias - self.config.inner_lr * slopes[1]
        return weight, bias


def predict(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each task's own linear layer: (E, N, D) -> (E, N, ways)."""
    return features @ weight.mT + bias[:, None]
