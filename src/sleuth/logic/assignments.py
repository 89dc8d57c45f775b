"""All assignments of a small space at once: a set of them is an integer with a bit for each.

A formula becomes such a set with one operation on integers for each of its parts, whatever the number of assignments,
so "does this follow?" is a comparison. For larger spaces there are solvers (`sleuth.logic.cnf`).
"""

from __future__ import annotations

import math

from sleuth.logic.formulas import And, Count, Formula, Iff, Is, Not, Or, Space

MOST_ASSIGNMENTS = 1 << 15
"""Assignments of the largest space that is looked at in this way: 4 kB for a set."""


def fits(space: Space) -> bool:
    """Whether a space is small enough."""
    return math.prod(variable.size for variable in space) <= MOST_ASSIGNMENTS


class Assignments:
    """The assignments of a space, and the sets of them in which atoms are true."""

    def __init__(self, space: Space) -> None:
        self.space = space
        count = math.prod(variable.size for variable in space)
        self.everything = (1 << count) - 1
        self.atoms: list[list[int]] = []
        """`atoms[variable.index][value]`: where the variable has the value."""
        stride = 1
        for variable in space:
            # Blocks of `stride` ones, one in every `period` bits.
            period = stride * variable.size
            repeat = self.everything // ((1 << period) - 1)
            block = (1 << stride) - 1
            self.atoms.append([(block << (value * stride)) * repeat for value in range(variable.size)])
            stride = period

    def where(self, formula: Formula) -> int:
        """The assignments in which a formula is true."""
        match formula:
            case Is(variable, value):
                return self.atoms[variable.index][value]
            case Not(part):
                return self.everything & ~self.where(part)
            case And(parts):
                found = self.everything
                for part in parts:
                    found &= self.where(part)
                return found
            case Or(parts):
                found = 0
                for part in parts:
                    found |= self.where(part)
                return found
            case Iff(left, right):
                return self.everything & ~(self.where(left) ^ self.where(right))
            case Count(parts, low, high):
                return self._counted([self.where(part) for part in parts], low, high)

    def _counted(self, parts: list[int], low: int, high: int) -> int:
        exactly = [self.everything]
        """By number: where just so many of the parts so far are true."""
        for part in parts:
            more = [0, *(have & part for have in exactly)]
            exactly = [have & ~part | one for have, one in zip([*exactly, 0], more, strict=True)]
        found = 0
        for have in exactly[max(0, low) : high + 1]:
            found |= have
        return found

    def within(self, domains: list[int]) -> int:
        """The assignments with every variable in its domain, a set of values as bits."""
        found = self.everything
        for variable, domain in zip(self.space, domains, strict=True):
            if domain != (1 << variable.size) - 1:
                found &= self.of_domain(variable.index, domain)
        return found

    def of_domain(self, index: int, domain: int) -> int:
        """The assignments with one variable in a domain."""
        found = 0
        for value, atom in enumerate(self.atoms[index]):
            if domain >> value & 1:
                found |= atom
        return found

    def domains(self, where: int) -> list[int]:
        """The values of every variable in some assignments of a set, as bits."""
        return [sum(1 << value for value, atom in enumerate(atoms) if where & atom) for atoms in self.atoms]
