"""Rules that are tried and give nothing, since they are of another name.

Where the murder weapon's place is the place of the murder, the place of the Rope gives the place of the murder if the
Rope is the weapon; if the Wrench is, the same place gives nothing. Who is told only of rules that give something lets
them speak of the wrong weapon, so the failed trial is told as well: "Wrench, Rope: differ."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sleuth.logic.rounds import Look
from sleuth.puzzles.family import Theory
from sleuth.puzzles.statements import Ref
from sleuth.puzzles.tellings.rounds import Looked, atoms, spoken_of


@dataclass(frozen=True, slots=True)
class Trial:
    """A rule that uses what is known of an entity if a variable names that entity."""

    named: int
    """The variable that names an entity, such as the murder weapon."""
    value: int
    """Its value that names the entity that the rule is of."""
    about: int
    """A variable of that entity, such as its place."""
    others: frozenset[int]
    """What else the rule speaks of."""

    def failed(self, look: Look, domains: Sequence[int]) -> bool:
        """Whether a look made it worth a trial that gave nothing: it found one of the two, the other is known as well,
        the name is another, and just one other thing that the rule speaks of is open. `domains`: after the look."""
        named, about = domains[self.named], domains[self.about]
        if named.bit_count() > 1 or about.bit_count() > 1 or named >> self.value & 1:
            return False
        if sum(domains[other].bit_count() > 1 for other in self.others) != 1:
            return False
        pair = {self.named, self.about}
        found = any(index in pair for inference in look.inferences for index, _ in inference.found)
        used = any(pair <= {index for index, _ in inference.premises} for inference in look.inferences)
        return found and not used


def trials(looked: Looked) -> tuple[Trial, ...]:
    """All trials that the rules of a puzzle allow."""
    labels = looked.labels.variables
    naming = tuple(label.values if label and label.values[0].sort in looked.interchangeable else () for label in labels)
    subjects = tuple(label.subjects if label else () for label in labels)
    return _trials(looked.theory, naming, subjects) if any(naming) else ()


@lru_cache(maxsize=64)
def _trials(
    theory: Theory, naming: tuple[tuple[Ref, ...], ...], subjects: tuple[tuple[Ref, ...], ...]
) -> tuple[Trial, ...]:
    """`naming`: by variable, the entities that it names by value, if it names any; `subjects`: whom it is of."""
    found: dict[Trial, None] = {}
    for rule in theory.rules():
        variables = frozenset(spoken_of(rule))
        for atom in atoms(rule):
            named = atom.variable.index
            if not naming[named]:
                continue
            for about in variables - {named}:
                if naming[named][atom.value] in subjects[about]:
                    found[Trial(named, atom.value, about, variables - {named, about})] = None
    return tuple(found)
