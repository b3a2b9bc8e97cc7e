"""`grammar`: generated sentences that are similar in meaning, but not in words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

from harness import Split, TextDataset
from harness_text import GrammarConfig
from harness_text.rows import Rows
from harness_text.slots import ACTIONS, ACTORS, MANNERS, OBJECTS, PLACES, TEMPLATES, TIMES

SCALE = 5.0  # of the gold score, as in the STS sets
PAIRS = {"test": 1500, "validation": 500, "novel": 1000}
EVENTS = {"novel": 8, "validation": 4}  # the rest are those of train and test
HELD_OUT = 5  # one of so many meanings is for `test`
PLAIN, AGAINST = 0, 1  # subsets of the scored pairs


class Meaning(NamedTuple):
    """An event: kinds of who acts and of what is done, and the number of the concept in each slot."""

    who: str
    what: str
    actor: int
    place: int
    action: int
    object: int

    @property
    def event(self) -> str:
        return f"{self.who} {self.what}"

    @property
    def held_out(self) -> bool:
        """Whether it is for `test`, of an event that is also in `train`."""
        return hashlib.sha256(repr(tuple(self)).encode()).digest()[0] % HELD_OUT == 0


class Wording(NamedTuple):
    """How an event is said: template, time and manner, which mean nothing here, and the synonym in each slot."""

    template: str
    time: str
    manner: str
    synonyms: tuple[int, ...]  # actor, place, action, object: of three each


Sentence = tuple[Meaning, Wording]
SLOTS = (ACTORS, PLACES, ACTIONS, OBJECTS)
SYNONYMS = 3  # of each concept


class Grammar(TextDataset):
    """Sentences such as "At the docks, the broth is tasted by the mariner slowly, once more this week."

    A class is an event: who acts, of six kinds, times what is done, of six. `train` and `test` have 24 of the 36,
    `validation` 4 and `novel` 8: each kind is in some class of `train`, and so is each word. `test` has meanings
    that are not in `train`.

    `train` holds triples: a sentence, one of the same meaning in other words, and one of another event in the same
    words as far as that goes. The other splits hold pairs, whose score is 5 times the mean over the four slots: 1
    for the same concept, .5 for another of the same kind, 0 for one of another kind. In half of them (subset 1),
    what is alike is said in other words, and what differs in a sentence of the same form: to count words does not help.
    """

    config: GrammarConfig

    def load(self) -> Mapping[str, Split]:
        self.augmentation = self.config.augmentation
        events = divided_events()
        train = Writer("train", events["train"]).triples(self.config.triples)
        return {"train": train, **{name: Writer(name, events[name]).pairs(number) for name, number in PAIRS.items()}}


def divided_events() -> dict[str, tuple[str, ...]]:
    """The events of each split: along the diagonals of the table of kinds, so that `train` has some of each kind."""
    who, what = tuple(ACTORS), tuple(ACTIONS)
    order = [f"{who[row]} {what[(row + step) % len(what)]}" for step in range(len(what)) for row in range(len(who))]
    novel, validation = order[: EVENTS["novel"]], order[EVENTS["novel"] : sum(EVENTS.values())]
    rest = tuple(sorted(order[sum(EVENTS.values()) :]))
    return {"train": rest, "test": rest, "validation": tuple(sorted(validation)), "novel": tuple(sorted(novel))}


class Writer:
    """Draws the sentences of a split, all of them different. The split's name is the seed."""

    def __init__(self, split: str, events: Sequence[str]) -> None:
        self.split = split
        self.events = events
        self.random = Random(split)
        self.rows = Rows()
        self.seen: set[str] = set()

    def triples(self, number: int) -> Split:
        for place in range(number):
            first, second, negative = self.new(partial(self.triple, self.event(place)))
            self.rows.join(first, second, negative, SCALE)
        return self.rows.split(self.events)

    def triple(self, event: str) -> list[Sentence]:
        meaning, wording = self.meaning(event), self.wording()
        other = self.related(meaning, contradicting)
        return [(meaning, wording), (meaning, self.reworded(wording)), (other, wording)]

    def pairs(self, number: int) -> Split:
        for place in range(number):
            subset = AGAINST if place % 2 else PLAIN
            likeness, (first, second) = self.scored(self.event(place), subset)
            self.rows.join(first, second, score=SCALE * likeness, subset=subset)
        return self.rows.split(self.events)

    def scored(self, event: str, subset: int) -> tuple[float, list[int]]:
        meaning = self.meaning(event)
        other = self.related(meaning, resembling)
        likeness = resemblance(meaning, other)

        def pair() -> list[Sentence]:
            wording = self.wording()
            words = self.against(wording, likeness) if subset == AGAINST else self.wording()
            return [(meaning, wording), (other, words)]

        return likeness, self.new(pair)

    def new(self, draw: Callable[[], list[Sentence]]) -> list[int]:
        """The rows of drawn sentences, none of which was there before."""
        while True:
            drawn = draw()
            texts = [text(*each) for each in drawn]
            if len({*texts} - self.seen) == len(texts):
                self.seen.update(texts)
                return [
                    self.rows.add(said, self.events.index(meaning.event))
                    for said, (meaning, _) in zip(texts, drawn, strict=True)
                ]

    def event(self, place: int) -> str:
        """They take turns, so that classes are of about the same size."""
        return self.events[place % len(self.events)]

    def meaning(self, event: str) -> Meaning:
        """Any of this split."""
        who, what = event.split()
        while True:
            slots = (len(each[kind]) for each, kind in zip(SLOTS, (who, who, what, what), strict=True))
            drawn = Meaning(who, what, *map(self.below, slots))
            if self.allows(drawn):
                return drawn

    def related(self, meaning: Meaning, relation: Callable[[Meaning, Writer], Meaning]) -> Meaning:
        while True:
            other = relation(meaning, self)
            if other.event in self.events and self.allows(other):
                return other

    def allows(self, meaning: Meaning) -> bool:
        return self.split not in ("train", "test") or meaning.held_out == (self.split == "test")

    def wording(self) -> Wording:
        synonyms = tuple(self.below(SYNONYMS) for _ in SLOTS)
        return Wording(self.pick(TEMPLATES), self.pick(TIMES), self.pick(MANNERS), synonyms)

    def reworded(self, wording: Wording) -> Wording:
        """Another template, time, manner, and synonym in each slot."""
        return Wording(
            self.pick([each for each in TEMPLATES if each != wording.template]),
            self.pick([each for each in TIMES if each != wording.time]),
            self.pick([each for each in MANNERS if each != wording.manner]),
            tuple((synonym + 1 + self.below(SYNONYMS - 1)) % SYNONYMS for synonym in wording.synonyms),
        )

    def against(self, wording: Wording, likeness: float) -> Wording:
        """The less two sentences mean the same, the more they look the same."""
        other = self.reworded(wording)
        template, time, manner = (
            same if self.random.random() > likeness else changed
            for same, changed in zip(wording[:3], other[:3], strict=True)
        )
        return Wording(template, time, manner, other.synonyms)

    def pick(self, choices: Sequence[str]) -> str:
        return choices[self.below(len(choices))]

    def below(self, number: int) -> int:
        return int(self.random.random() * number)


def contradicting(meaning: Meaning, writer: Writer) -> Meaning:
    """Someone of another kind, or something of another kind is done; the other half is as it is."""
    side = writer.below(2)
    other = writer.meaning(writer.pick([each for each in writer.events if each.split()[side] != meaning[side]]))
    if side == 0:
        return meaning._replace(who=other.who, actor=other.actor, place=other.place)
    return meaning._replace(what=other.what, action=other.action, object=other.object)


def resembling(meaning: Meaning, writer: Writer) -> Meaning:
    """For who acts where, and likewise for what is done to what: the same, another of the kind in one slot or in both,
    or another kind."""
    other = writer.meaning(writer.pick(writer.events))
    for kind, slots, every in (("who", ("actor", "place"), SLOTS[:2]), ("what", ("action", "object"), SLOTS[2:])):
        relation = writer.below(5)
        if relation == 4:
            continue
        name = getattr(meaning, kind)
        other = other._replace(**{kind: name})
        for bit, (slot, concepts) in enumerate(zip(slots, every, strict=True)):
            step = 1 + writer.below(len(concepts[name]) - 1) if relation >> bit & 1 else 0
            other = other._replace(**{slot: (getattr(meaning, slot) + step) % len(concepts[name])})
    return other


def resemblance(one: Meaning, other: Meaning) -> float:
    """The mean over the slots: 1 for the same concept, .5 for another of the same kind, 0 for another kind."""
    slots = (("who", "actor"), ("who", "place"), ("what", "action"), ("what", "object"))
    alike = (
        (1 + (getattr(one, slot) == getattr(other, slot))) / 2 if getattr(one, kind) == getattr(other, kind) else 0
        for kind, slot in slots
    )
    return sum(alike) / len(slots)


def text(meaning: Meaning, wording: Wording) -> str:
    kinds = (meaning.who, meaning.who, meaning.what, meaning.what)
    actor, place, action, thing = (
        each[kind][concept][synonym]
        for each, kind, concept, synonym in zip(SLOTS, kinds, meaning[2:], wording.synonyms, strict=True)
    )
    does, done = action.split("|")
    said = wording.template.format(
        time=wording.time, manner=wording.manner, actor=actor, place=place, does=does, done=done, object=thing
    )
    return said[0].upper() + said[1:]
