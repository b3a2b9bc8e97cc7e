"""The linear classification protocol of papers: SGD on views of a frozen encoder (Zhang et al. 2016, arXiv:1603.08511;
He et al. 2020, arXiv:1911.05722, section 4.1; Grill et al. 2020, arXiv:2006.07733)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data, Evaluator, Method, Metric, Trained
from harness_evaluators import LinearSGDConfig
from harness_evaluators.scores import accuracies
from harness_evaluators.splits import require_held_out, require_same_classes, stratified
from harness_evaluators.supervision import batches, falling, inputs_of, quality

FOLDS = 10  # of which one is held out


class LinearSGD(Evaluator):
    """Softmax regression by SGD with momentum .9 and no weight decay, on random crops and flips. One head for each rate
    learns from the same features; a held-out tenth of the reference split chooses the one that is scored."""

    config: LinearSGDConfig

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        require_same_classes(data, self.config.reference, self.config.test)
        require_held_out(data.split(self.config.reference), self.config.reference, FOLDS)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        config = self.config
        reference, test = trained.data.split(config.reference), trained.data.split(config.test)
        fold = stratified(reference.labels, config.seed, FOLDS)
        heads = self.trained(trained, (fold != 0).nonzero().squeeze(1))
        held = (fold == 0).nonzero().squeeze(1)
        with torch.no_grad():
            inputs = inputs_of(trained.data, reference, held)
            features = torch.cat([trained.method.encode(part).float() for part in inputs])
            labels = reference.labels[held.to(features.device)]
            qualities = [quality(head(features), labels) for head in heads]
            best = qualities.index(max(qualities))
            logits = heads[best](trained.features(config.test))
        if not logits.isfinite().all():
            raise FloatingPointError("the logits of the linear classifier are not finite: its learning rates are high")
        return accuracies(logits.argmax(1), test, details={"learning_rate": config.learning_rates[best]})

    def trained(self, trained: Trained, members: Tensor) -> list[nn.Linear]:
        """A head for each learning rate, which learned from these samples of the reference split."""
        config, method = self.config, trained.method.eval()
        reference = trained.data.split(config.reference)
        width = next(inputs_of(trained.data, reference, members[:1]))
        with torch.no_grad():
            dims = method.encode(width).shape[1]
        heads = [zeros(dims, len(reference.classes), trained.device) for _ in config.learning_rates]
        groups = [
            {"params": list(head.parameters()), "lr": rate, "highest": rate}
            for head, rate in zip(heads, config.learning_rates, strict=True)
        ]
        optimizer = torch.optim.SGD(groups, momentum=0.9)
        for batch in batches(trained.data, reference, members, config.batch_size, config.epochs, config.seed):
            with torch.no_grad():
                features = method.encode(batch.inputs).float()
            for group in optimizer.param_groups:
                group["lr"] = falling(batch) * group["highest"]
            with torch.enable_grad():
                losses = [F.cross_entropy(head(features), batch.labels) for head in heads]
                optimizer.zero_grad()
                torch.stack(losses).sum().backward()
            optimizer.step()
        return heads


def zeros(dims: int, classes: int, device: torch.device) -> nn.Linear:
    """A linear layer whose weights are zero, so that nothing is drawn."""
    head = nn.utils.skip_init(nn.Linear, dims, classes, device=device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head
