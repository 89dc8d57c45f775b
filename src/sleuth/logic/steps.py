"""From clues to the world in small steps: "from these clues and these facts follows this fact", each proved.

After Bogaerts, Gamba & Guns, "A framework for step-wise explaining how to solve constraint satisfaction problems"
(Artificial Intelligence, 2021), with their order of costs: facts are cheap, rules dearer, clues dearest.

Forward, what follows from little is found first: from the facts and one group of rules, from all rules, from a clue on
its own, from a clue with the rules, from two clues, from three. "What follows" are the atoms that no world of these
premises and the facts so far has; worlds that the solver found are kept, and most questions are answered by them.
Only where nothing of this gives anything, a value is supposed and brought to a contradiction, in small steps again
(their nested explanations). Backward, `cite_back` keeps what is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from pysat.solvers import Solver

from sleuth.logic.citations import Citation, Citer, Fact, Premises, Step, Supposition
from sleuth.logic.cite_back import Entry, cite_back, goal_facts, whole_world
from sleuth.logic.cnf import Clause
from sleuth.logic.formulas import Formula, World

MOST_DIRECT = 3
"""Most clues of a step that supposes nothing."""
MOST_TRIED = 120
"""Atoms looked at for a step of several clues: those of the smallest domains. More than level 2 has."""
MOST_SUPPOSED = (6, 2)
"""Suppositions tried where nothing direct is left, by how many are around them; the shortest is taken."""
MOST_DEPTH = len(MOST_SUPPOSED)
"""Suppositions within one another."""


class Chain:
    """The forward half. Worlds, domains, rules and clues are sets of bits: atom k is bit k - 1."""

    def __init__(
        self,
        citer: Citer,
        rules: tuple[int, ...],
        clues: tuple[int, ...],
        given: Sequence[Fact] = (),
        depth: int = 0,
    ) -> None:
        self.citer, self.premises, self.depth = citer, citer.premises, depth
        self.rules, self.clues = rules, clues
        cnf = self.premises.cnf
        self.atoms = cnf.base[-1] + cnf.variables[-1].size - 1
        self.spans = [((1 << v.size) - 1) << (cnf.base[v.index] - 1) for v in cnf.variables]
        self.everything = (1 << self.atoms) - 1
        self.domain = self.everything
        self.worlds: list[tuple[int, int]] = []
        """Atoms of a world, and the premises that hold there: clue i is bit i, group i bit (number of clues + i)."""
        self.given = list(given)
        self.log: list[Entry] = []
        self.batches = 0
        self.contradiction = False
        self._rule_bits = self._bits((), rules)
        self._solver = Solver(name="minisat22", bootstrap_with=cnf.clauses)
        self._solver.set_phases([*self.premises.clues, *self.premises.rules])
        for fact in given:
            bit = 1 << (self.premises.literal(fact._replace(true=True)) - 1)
            self.domain &= ~(self.spans[fact.variable] & ~bit if fact.true else bit)
            self._solver.add_clause([self.premises.literal(fact)])

    def close(self) -> None:
        self._solver.delete()

    def run(self) -> None:
        """To the whole world, or, from a supposition, to the contradiction."""
        while not self.contradiction:
            if self.depth == 0 and self.domain.bit_count() == len(self.spans):
                return
            if not self._small():
                self.several()

    def facts(self) -> list[Fact]:
        """What is known so far."""
        return self.given + [entry.fact for entry in self.log if entry.fact is not None]

    # Worlds

    def _bits(self, clues: Iterable[int], rules: Iterable[int]) -> int:
        count, bits = len(self.premises.clues), 0
        for clue in clues:
            bits |= 1 << clue
        for rule in rules:
            bits |= 1 << (count + rule)
        return bits

    def _solve(self, rules: Iterable[int], clues: Iterable[int], atom: int | None = None) -> int | None:
        """The atoms of a world within the domains, which is kept; None if there is none."""
        assumed = [self.premises.rules[i] for i in rules] + [self.premises.clues[i] for i in clues]
        if atom is not None:
            assumed.append(atom)
        if not self._solver.solve(assumptions=assumed):
            return None
        model: Clause = self._solver.get_model()
        world = 0
        for literal in filter((0).__lt__, model[: self.atoms]):
            world |= 1 << (literal - 1)
        holding = 0
        for place, selector in enumerate((*self.premises.clues, *self.premises.rules)):
            if model[selector - 1] > 0:
                holding |= 1 << place
        self.worlds.append((world, holding))
        return world

    def impossible(self, rules: tuple[int, ...], clues: tuple[int, ...], scope: int | None = None) -> int | None:
        """The atoms of `scope` (None: all) still in the domains that no world of the premises has; None if there is no
        world at all."""
        need = self._bits(clues, rules)
        seen = 0
        for world, holding in self.worlds:
            if holding & need == need:
                seen |= world
        if not seen:
            world_found = self._solve(rules, clues)
            if world_found is None:
                return None
            seen = world_found
        open_, found = self.domain & (self.everything if scope is None else scope) & ~seen, 0
        while open_:
            bit = open_ & -open_
            # A world with many open atoms spares as many questions; left alone, the solver prefers what it had last.
            self._solver.set_phases([*map(int.__neg__, _atoms(self.worlds[-1][0])), *_atoms(open_)])
            another = self._solve(rules, clues, bit.bit_length())
            if another is None:
                found |= bit
                open_ &= ~bit
            else:
                open_ &= ~another
        return found

    # Steps

    def _small(self) -> bool:
        """One batch of facts from at most one clue, the cheapest first, if there is any.

        What one group of rules gives, all of them give, too; so single groups are asked only about what all gave.
        """
        by_rules = self.impossible(self.rules, ()) if self.rules else 0
        if by_rules != 0:
            groups = [((rule,), ()) for rule in self.rules] if by_rules and len(self.rules) > 1 else []
            return any(self._take(*one, by_rules or 0) for one in groups) or self._take(self.rules, ())
        alone = any(self._record(self.citer.alone(clue).impossible(self.domain), (), (clue,)) for clue in self.clues)
        return alone or (bool(self.rules) and any(self._take(self.rules, (clue,)) for clue in self.clues))

    def _take(self, rules: tuple[int, ...], clues: tuple[int, ...], scope: int | None = None) -> bool:
        return self._record(self.impossible(rules, clues, scope), rules, clues)

    def _record(self, gone: int | None, rules: tuple[int, ...], clues: tuple[int, ...]) -> bool:
        """Logs what premises rule out (None: everything), and says whether that is anything."""
        if gone is None:
            self.contradiction = True
            self.log.append(Entry(None, self.batches, rules, clues))
        elif gone:
            self.exclude(gone, rules, clues)
        return gone != 0

    def exclude(
        self,
        gone: int,
        rules: tuple[int, ...],
        clues: tuple[int, ...],
        proof: tuple[Citation, Supposition | None] | None = None,
    ) -> None:
        """Takes atoms from the domains and logs what is new: values that are left alone before values ruled out."""
        self.domain &= ~gone
        self.worlds = [(world, holding) for world, holding in self.worlds if not world & gone]
        settled, ruled_out = [], []
        for index, (span, base) in enumerate(zip(self.spans, self.premises.cnf.base, strict=True)):
            here = gone & span
            if not here:
                continue
            left = self.domain & span
            single = left.bit_count() == 1
            if single:
                settled.append(Fact(index, left.bit_length() - base, True))
            if not single or proof is not None:
                while here:
                    bit = here & -here
                    ruled_out.append(Fact(index, bit.bit_length() - base, False))
                    here &= ~bit
        if proof is not None:
            self.log += [Entry(fact, self.batches, (), (), proof) for fact in ruled_out]
            # What is left is a step of its own: a variable has one value, and all others are ruled out.
            self.log += [Entry(fact, self.batches, (), ()) for fact in settled]
        else:
            self.log += [Entry(fact, self.batches, rules, clues) for fact in settled + ruled_out]
        self._solver.append_formula([[self.premises.literal(fact)] for fact in settled + ruled_out])
        self.batches += 1

    def several(self) -> None:
        """One batch from as few clues as can be, by supposition if that is more than `MOST_DIRECT`."""
        targets = self._targets()
        small = min(targets, key=lambda target: len(target[1]))[1]
        for size in range(2, MOST_DIRECT + 1):
            if len(small) <= size:
                break
            for atom, _ in targets:
                chosen = self._hitting(atom, size)
                if chosen is not None and len(chosen) < len(small):
                    small = chosen
                    break
        if len(small) <= MOST_DIRECT or self.depth == MOST_DEPTH or not self._suppose(targets):
            found = self._take(self.rules, small)
            assert found, "the clues leave several worlds"

    def _targets(self) -> list[tuple[int | None, tuple[int, ...]]]:
        """Atoms that all clues together rule out, each with clues none of which can go, the fewest clues first."""
        whole = self._solve(self.rules, self.clues)
        found: list[tuple[int | None, tuple[int, ...]]] = []
        if whole is None:
            found.append((None, self._clue_core(None)))
        sizes = [(self.domain & span).bit_count() for span in self.spans]
        order = [
            (size, base + value)
            for size, base, variable in zip(sizes, self.premises.cnf.base, self.premises.cnf.variables, strict=True)
            for value in range(variable.size)
            if size > 1 and self.domain >> (base + value - 1) & 1 and not (whole or 0) >> (base + value - 1) & 1
        ]
        for _, atom in sorted(order)[:MOST_TRIED]:
            if whole is None or self._solve(self.rules, self.clues, atom) is None:
                core = self._clue_core(atom)
                found.append((atom, core))
                if len(core) <= 2:
                    break
        return sorted(found, key=lambda target: len(target[1]))

    def _clue_core(self, atom: int | None) -> tuple[int, ...]:
        needed = list(self.clues)
        for clue in self.clues:
            if clue in needed:
                rest = [one for one in needed if one != clue]
                assumed = [self.premises.rules[i] for i in self.rules] + [self.premises.clues[i] for i in rest]
                if not self._solver.solve(assumptions=[*assumed, *([atom] if atom else [])]):
                    core = set(self._solver.get_core() or ())
                    needed = [one for one in rest if self.premises.clues[one] in core]
        return tuple(needed)

    def _hitting(self, atom: int | None, size: int) -> tuple[int, ...] | None:
        """Up to `size` clues that with the rules rule an atom out, if there are any: a set that hits the clues which
        are false in each world with the atom (Ignatiev et al., "Smallest MUS extraction with minimal hitting set
        dualization", 2015)."""
        wanted = 0 if atom is None else 1 << (atom - 1)
        clue_bits = self._bits(self.clues, ())
        false = [
            clue_bits & ~holding
            for world, holding in self.worlds
            if world & wanted == wanted and holding & self._rule_bits == self._rule_bits
        ]
        while True:
            chosen = _hit(false, size)
            if chosen is None:
                return None
            clues = tuple(i for i in self.clues if chosen >> i & 1)
            if self._solve(self.rules, clues, atom) is None:
                return clues
            false.append(clue_bits & ~self.worlds[-1][1])

    def _suppose(self, targets: list[tuple[int | None, tuple[int, ...]]]) -> bool:
        """Supposes the values that take the fewest clues to refute, and keeps the shortest refutation."""
        tried: list[tuple[tuple[int, ...], int, Citation, Supposition]] = []
        known = self.facts()
        base = self.premises.cnf.base
        for atom, core in targets[: MOST_SUPPOSED[self.depth]]:
            if atom is None:
                continue
            variable = next(i for i in reversed(range(len(base))) if base[i] <= atom)
            supposed = Fact(variable, atom - base[variable], True)
            cited = self.citer.cite(supposed.denied(), self.rules, core, known)
            steps = chain(self.citer, cited, supposed, self.depth + 1)
            most = max(len(step.clues) for step in steps)
            tried.append(
                ((most, len(steps), sum(step.cost for step in steps)), atom, cited, Supposition(supposed, steps))
            )
        if not tried:
            return False
        _, atom, cited, supposition = min(tried, key=lambda one: one[:2])
        self.exclude(1 << (atom - 1), (), (), (cited, supposition))
        return True


def _atoms(bits: int) -> Iterator[int]:
    """The atoms of a set, in order."""
    digits = bin(bits)[:1:-1]
    return compress(range(1, len(digits) + 1), map("1".__eq__, digits))


def _hit(sets: list[int], size: int) -> int | None:
    """Up to `size` bits that meet every set."""
    if not sets:
        return 0
    if size == 0:
        return None
    if size == 1:
        common = sets[0]
        for one in sets:
            common &= one
        return common & -common or None
    options = min(sets, key=int.bit_count)
    while options:
        bit = options & -options
        options &= ~bit
        rest = _hit([one for one in sets if not one & bit], size - 1)
        if rest is not None:
            return bit | rest
    return None


def chain(citer: Citer, cited: Citation, supposed: Fact, depth: int) -> tuple[Step, ...]:
    """Steps from a supposed fact to a contradiction, with nothing but what is cited."""
    forward = Chain(citer, cited.rules, cited.clues, [*cited.known, supposed], depth)
    try:
        forward.run()
        assert forward.contradiction
        return cite_back(citer, forward.log, forward.given, set(), prune=True)
    finally:
        forward.close()


def solve_in_steps(
    premises: Premises, world: World, goals: Sequence[Formula] | None = None, prune: bool = True
) -> tuple[Step, ...]:
    """Steps to the whole world, or to what makes the goals certain. The clues must leave just this world.

    Without `prune`, facts that no later step needs are kept.
    """
    citer = Citer(premises)
    forward = Chain(citer, tuple(range(len(premises.rules))), tuple(range(len(premises.clues))))
    try:
        forward.run()
        assert not forward.contradiction
        known = forward.facts()
        needed = whole_world(premises, world) if goals is None else goal_facts(premises, known, goals)
        return cite_back(citer, forward.log, [], needed, prune)
    finally:
        forward.close()
        citer.close()


def further_steps(chain: Chain) -> tuple[Step, ...]:
    """What a chain finds next from several clues or by supposition, where no single clue gives anything; each step
    with what it cites."""
    known, start = chain.facts(), len(chain.log)
    chain.several()
    log = chain.log[start:]
    return cite_back(chain.citer, log, known, {entry.fact for entry in log if entry.fact is not None}, prune=True)
