"""Data sets that each keep the contract but for one point."""

import torch

from harness import ImageDataset, Split


class Good(ImageDataset):
    """Three classes of noise in `train` and `test`, two others in `novel`."""

    def load(self):
        generator = self.generator()
        return {
            "train": self.split("abc", generator),
            "test": self.split("abc", generator),
            "novel": self.split("de", generator),
        }

    def generator(self):
        return torch.Generator().manual_seed(0)

    def split(self, classes, generator):
        labels = torch.arange(len(classes)).repeat(4)
        return Split(torch.randint(0, 256, (len(labels), 1, 6, 6), generator=generator).byte(), labels, tuple(classes))


class Floats(Good):
    """gives images that are floats between 0 and 1"""

    def split(self, classes, generator):
        whole = super().split(classes, generator)
        return Split(whole.samples / 255, whole.labels, whole.classes)


class KnownNovel(Good):
    """has a training class among its novel classes"""

    def load(self):
        splits = super().load()
        return {**splits, "novel": Split(splits["novel"].samples, splits["novel"].labels, ("c", "e"))}


class EmptyClass(Good):
    """lists a class that has no sample"""

    def split(self, classes, generator):
        whole = super().split(classes, generator)
        return Split(whole.samples, whole.labels, (*whole.classes, f"none of {classes}"))


class Overlapping(Good):
    """tests on images that it trains on"""

    def load(self):
        splits = super().load()
        return {**splits, "test": splits["train"]}


class MirroredCopies(Good):
    """mirrors its images before it splits them, so that a test image is the copy of a training image"""

    def load(self):
        splits = super().load()
        train = splits["train"]
        return {**splits, "test": Split(train.samples.flip(-1), train.labels, train.classes)}


class Patterned(Good):
    """Each class is noise on a pattern of its own."""

    def load(self):
        patterns = torch.randint(0, 128, (3, 1, 6, 6), generator=torch.Generator().manual_seed(1))
        splits = super().load()
        for name in ("train", "test"):
            split = splits[name]
            images = (split.samples // 2 + patterns[split.labels]).byte()
            splits[name] = Split(images, self.labels(name, split.labels), split.classes)
        return splits

    def split(self, classes, generator):
        parts = [super(Patterned, self).split(classes, generator) for _ in range(16)]
        images, labels = torch.cat([part.samples for part in parts]), torch.cat([part.labels for part in parts])
        return Split(images, labels, tuple(classes))

    def labels(self, name, labels):
        return labels


class LabelsFromOne(Patterned):
    """counts the labels of its test split from one, and the last as zero"""

    def labels(self, name, labels):
        return (labels + 1) % 3 if name == "test" else labels


class Unseeded(Good):
    """draws another split each time"""

    def generator(self):
        generator = torch.Generator()
        generator.seed()
        return generator


class NoFingerprint(Good):
    """reads a path, which is not part of a cell's id, and has no fingerprint"""


class WordyAugmentation(Good):
    """recommends an augmentation by a word"""

    augmentation = "strong"


class Doubling(Good):
    """sets torch's default dtype"""

    def load(self):
        torch.set_default_dtype(torch.float64)
        return super().load()


class Seeding(Good):
    """seeds torch's global generator"""

    def load(self):
        torch.manual_seed(0)
        return super().load()


class OtherName(Good):
    """is registered to give pictures, and gives images"""
