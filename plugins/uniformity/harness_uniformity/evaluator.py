"""Alignment and uniformity of features on the hypersphere."""

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Data, Draw, Evaluator, Method, Metric, Trained, UsageError
from harness_uniformity import Config

CHUNK = 512  # images at a time; another number would be other views


class Uniformity(Evaluator):
    """Both metrics of Wang and Isola 2020 (arXiv:2005.10242), section 4.1, on features of length 1; lower is better."""

    config: Config

    def check(self, method: Method, data: Data) -> None:  # noqa: ARG002 (any encoder will do)
        if len(data.split(self.config.split)) < 2:
            raise UsageError(f"the split '{self.config.split}' has one sample: there is no pair.")
        if not data.modality.augmented(self.config.augment).augments:
            raise UsageError(
                "the data set recommends no augmentation, so two views of a sample are equal: set 'augment', or for "
                "texts the data set's 'augmentation'."
            )

    @torch.no_grad()
    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        first, second = self.views(trained).unbind()
        features = F.normalize(trained.features(self.config.split).double(), dim=1)
        return {
            "alignment": Metric.mean(alignment(first, second), "sample", higher_is_better=False),
            "uniformity": Metric.mean(uniformity(features), "sample", higher_is_better=False),
        }

    def views(self, trained: Trained) -> Tensor:
        """Features of length 1 of two views of each sample: (2, N, D). The views depend on this evaluator's options."""
        samples = trained.data.split(self.config.split).samples
        modality = trained.data.modality.augmented(self.config.augment)
        generator = torch.Generator(trained.device).manual_seed(self.config.seed)
        parts = torch.Generator().manual_seed(self.config.seed)
        views = []
        for index in torch.arange(len(samples)).split(CHUNK):
            shown = modality.shown(samples, index, Draw(len(index), parts), 2)
            pair = torch.stack(modality.views(samples, index, Draw(len(index), generator), 2, shown))
            features = trained.method.eval().encode(pair.flatten(0, 1))
            views.append(F.normalize(features.double(), dim=1).unflatten(0, (2, len(index))))
        return torch.cat(views, 1)


def alignment(first: Tensor, second: Tensor) -> Tensor:
    """Squared distance of the two views (N, D) of each image, alpha = 2: (N,), whose mean is the metric."""
    return (first - second).square().sum(1)


def uniformity(features: Tensor, t: float = 2.0) -> Tensor:
    """log G, where G is the mean of exp(-t |x - y|^2) over all pairs of different rows of `features` (N, D): (N,).

    A value per image whose mean is log G: log G + 2 (g - G) / G, where g is the mean over the pairs of this image. It
    is what the image adds to first order (Hajek's projection of a U-statistic), so that the deviation of these values,
    or of their differences between two methods, gives the interval.
    """
    sums = [torch.cdist(part, features).square().mul(-t).exp().sum(1) for part in features.split(CHUNK)]
    g = (torch.cat(sums) - 1) / (len(features) - 1)  # less the pair of an image with itself, which is 1
    return g.mean().log() + 2 * (g / g.mean() - 1)
