"""Backbones that each keep the contract but for one point."""

import torch
from torch import nn


class Good(nn.Module):
    """A convolution, batch norm, mean over space."""

    def __init__(self, config, shape):
        super().__init__()
        self.convolution = nn.Conv2d(shape[0], 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.feature_dim = 8

    def forward(self, images):
        return self.norm(self.convolution(images)).relu().mean((2, 3))


class Pretrained(Good):
    """Starts from what a file says, whatever the seed."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        generator = torch.Generator().manual_seed(len(config.weights.read_bytes()))
        for weight in self.convolution.parameters():
            nn.init.normal_(weight, generator=generator)


class NoWidth(Good):
    """has no feature_dim"""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        del self.feature_dim


class OtherWidth(Good):
    """announces another width than its features have"""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.feature_dim = 16


class Whole(Good):
    """rounds its features to whole numbers when it does not learn"""

    def forward(self, images):
        features = super().forward(images)
        return features if self.training else (100 * features).round().long() // 100


class Centred(Good):
    """subtracts the mean of the batch, in eval mode as well"""

    def forward(self, images):
        features = super().forward(images)
        return features - features.mean(0)


class NoRunningStatistics(Good):
    """has a batch norm that keeps no running statistics"""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.norm = nn.BatchNorm2d(8, track_running_stats=False)


class FirstChannel(Good):
    """takes colour images for grey ones and sees their first channel alone"""

    def __init__(self, config, shape):
        super().__init__(config, (1, *shape[1:]))

    def forward(self, images):
        return super().forward(images[:, :1])


class Cropped(Good):
    """sees the upper left 16x16 of each image, whatever its size"""

    def forward(self, images):
        return super().forward(images[:, :, :16, :16])


class Clipping(Good):
    """cuts off negative numbers in its input, in place"""

    def forward(self, images):
        return super().forward(images.relu_())


class Unused(Good):
    """has a layer that it does not use"""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.spare = nn.Linear(8, 8)


class Unseeded(Good):
    """starts from weights that no seed decides"""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        generator = torch.Generator()
        generator.seed()
        nn.init.normal_(self.convolution.weight, generator=generator)


class Plain(Good):
    """keeps a random projection in a plain attribute"""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.projection = torch.randn(8, 8)

    def forward(self, images):
        return super().forward(images) @ self.projection


class Threads(Good):
    """sets the number of torch's threads"""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        torch.set_num_threads(2)


class Reseeding(Good):
    """seeds torch while it learns"""

    def forward(self, images):
        if self.training:
            torch.manual_seed(0)
        return super().forward(images)


class Drawing(Good):
    """draws random numbers in eval mode"""

    def forward(self, images):
        return super().forward(images + 0 * torch.rand_like(images))


class OnTheCpu(Good):
    """makes a tensor on the CPU"""

    def forward(self, images):
        return super().forward(images) + torch.zeros(8)


class Words(nn.Module):
    """Counts the words of a text, by the remainder of a hash; 0 is padding."""

    feature_dim = 8

    def __init__(self, config, shape):
        super().__init__()
        self.table = nn.Embedding(64, 8)

    def tokenize(self, texts):
        rows = [torch.tensor([1 + sum(word.encode()) % 63 for word in text.split()]) for text in texts]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def forward(self, tokens):
        known = (tokens > 0).float()[..., None]
        return (self.table(tokens) * known).sum(1)


class Padded(Words):
    """takes padding for words"""

    def forward(self, tokens):
        return self.table(tokens).sum(1)


class CoarseFirst(Good):
    """gives its coarsest map first"""

    strides = (2, 1)

    def maps(self, images):
        fine = self.norm(self.convolution(images))
        return [nn.functional.avg_pool2d(fine, 2), fine]


class OtherStrides(Good):
    """says that a map at half the resolution has stride 4"""

    strides = (4,)

    def maps(self, images):
        return [nn.functional.avg_pool2d(self.norm(self.convolution(images)), 2)]
