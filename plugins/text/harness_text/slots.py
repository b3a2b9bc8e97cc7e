"""The words of `grammar`: concepts by kind, each with its synonyms."""

from __future__ import annotations

Concepts = tuple[tuple[str, ...], ...]  # of one kind: each a concept, as its synonyms


def _concepts(text: str) -> dict[str, Concepts]:
    """A line is a concept: its kind, then its synonyms."""
    kinds: dict[str, Concepts] = {}
    for line in text.strip().splitlines():
        kind, _, synonyms = line.strip().partition(": ")
        kinds[kind] = (*kinds.get(kind, ()), tuple(synonyms.split(", ")))
    return kinds


ACTORS = _concepts("""
    medics: the doctor, the physician, the medic
    medics: the nurse, the caregiver, the orderly
    medics: the surgeon, the operator, the specialist
    farmers: the farmer, the grower, the planter
    farmers: the shepherd, the herder, the drover
    farmers: the gardener, the horticulturist, the landscaper
    sailors: the captain, the skipper, the commander
    sailors: the sailor, the seaman, the mariner
    sailors: the fisherman, the angler, the trawlerman
    students: the pupil, the learner, the schoolchild
    students: the teacher, the instructor, the tutor
    students: the professor, the lecturer, the scholar
    musicians: the singer, the vocalist, the soprano
    musicians: the violinist, the fiddler, the string player
    musicians: the drummer, the percussionist, the timpanist
    travellers: the tourist, the visitor, the sightseer
    travellers: the pilgrim, the wanderer, the hiker
    travellers: the guide, the escort, the courier
""")
PLACES = _concepts("""
    medics: in the hospital, in the infirmary, at the clinic
    medics: in the laboratory, in the test room, beside the microscope
    farmers: in the barn, in the stable, in the shed
    farmers: on the field, in the meadow, on the pasture
    sailors: on the ship, on board, on the vessel
    sailors: in the harbour, at the docks, by the pier
    students: in the classroom, at school, in the academy
    students: in the library, in the reading room, among the bookshelves
    musicians: on the stage, in the concert hall, at the opera
    musicians: in the studio, in the rehearsal space, at the recording desk
    travellers: at the station, on the platform, near the railway
    travellers: in the hotel, in the guesthouse, at the inn
""")
ACTIONS = _concepts("""
    cooking: cooks|cooked, prepares|prepared, makes|made
    cooking: tastes|tasted, samples|sampled, tries|tried
    cooking: burns|burnt, chars|charred, scorches|scorched
    mending: repairs|repaired, fixes|fixed, mends|mended
    mending: breaks|broken, damages|damaged, wrecks|wrecked
    mending: cleans|cleaned, polishes|polished, scrubs|scrubbed
    writing: writes|written, composes|composed, pens|penned
    writing: reads|read, studies|studied, peruses|perused
    writing: loses|lost, misplaces|misplaced, mislays|mislaid
    trading: buys|bought, purchases|purchased, acquires|acquired
    trading: sells|sold, auctions|auctioned, markets|marketed
    trading: steals|stolen, pilfers|pilfered, swipes|swiped
    caring: feeds|fed, nourishes|nourished, fattens|fattened
    caring: washes|washed, bathes|bathed, rinses|rinsed
    caring: chases|chased, pursues|pursued, follows|followed
    painting: paints|painted, colours|coloured, tints|tinted
    painting: draws|drawn, sketches|sketched, outlines|outlined
    painting: admires|admired, praises|praised, applauds|applauded
""")
OBJECTS = _concepts("""
    cooking: the soup, the broth, the stew
    cooking: the bread, the loaf, the bun
    cooking: the fish, the trout, the salmon
    mending: the engine, the motor, the machine
    mending: the roof, the ceiling, the shingles
    mending: the bicycle, the bike, the two-wheeler
    writing: the letter, the note, the message
    writing: the novel, the book, the story
    writing: the report, the summary, the account
    trading: the jewel, the gem, the diamond
    trading: the coat, the jacket, the parka
    trading: the carpet, the rug, the mat
    caring: the dog, the hound, the puppy
    caring: the horse, the pony, the mare
    caring: the cat, the kitten, the tomcat
    painting: the portrait, the likeness, the face
    painting: the landscape, the scenery, the view
    painting: the mural, the fresco, the wall picture
""")
TIMES = (
    "early in the morning", "late at night", "on a rainy Monday", "shortly before noon", "after a long winter",
    "for the second time", "during the holidays", "once more this week",
)  # fmt: skip
MANNERS = (
    "quietly",
    "with great care",
    "in a hurry",
    "without a word",
    "cheerfully",
    "as if by chance",
    "slowly",
    "alone",
)
TEMPLATES = (
    "{time}, {actor} {does} {object} {place} {manner}.",
    "{actor} {manner} {does} {object} {place} {time}.",
    "{place}, {object} is {done} by {actor} {manner}, {time}.",
    "It is {actor} who {does} {object} {place}, {manner} and {time}.",
    "{time} {object} was {done} {place}, {manner}, by {actor}.",
    "People say that {actor} {place} {does} {object} {manner} {time}.",
)
