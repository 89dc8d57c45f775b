"""Page order, with everything written out that a small model otherwise stalls on.

For each look at a clue: the clue; what is left of each variable of which it speaks, if there are several; then for each
conclusion the other known facts that it needs, the small operations between these and it (comparing two places or two
names, what half of a clue is false, "not this, so the other"), and the conclusion. Where no two things of a list can
have the same value (`sleuth.puzzles.tellings.lists`), a list of at most six is told whenever a clue has changed it,
with what is left of each, and needs no further words; each look at one clue then ends with the clue, and a question
is told with what is left of all that it is about. There, where no single clue gives anything, values are supposed, and
the lists are told before and behind, so that what is supposed is not taken for known.

A clue that gave something and may give more is said to be open; a rule that would have given something under another
name is said to be of another name (`sleuth.puzzles.tellings.trials`). At the end of each round through the page come
the questions, each with the facts that answer it, up to the first that nothing answers yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby

from sleuth.logic.formulas import Is
from sleuth.logic.rounds import Inference, Known, Look, Supposed, bits
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.tellings.halves import Half
from sleuth.puzzles.tellings.lists import MOST_LEFT, Lists, Members
from sleuth.puzzles.tellings.page_order import domains_after, together
from sleuth.puzzles.tellings.rounds import IMPOSSIBLE, NOTHING, OPEN, USED, Looked, spoken_of
from sleuth.puzzles.tellings.trials import Trial, trials

MOST_ASKED = MOST_LEFT + 1
"""Variables that a question is about of which is said what is left."""
MOST_OTHERS = 3
"""Values that are listed as ruled out."""
_COMPARED = (": same.", ": differ.")
"""How comparisons of places end: they are said at every conclusion that rests on them."""


def spelled(looked: Looked, questions: Sequence[str]) -> list[str]:
    """The lines; `questions` are the texts of the page's questions."""
    return [*_preamble(looked), *_Telling(looked, questions).lines()]


def _preamble(looked: Looked) -> Iterator[str]:
    """The other of two, for every sort that has just two entities among the values."""
    sorts = {label.values[0].sort: label for label in looked.labels.variables if label and len(label.values) == 2}
    for label in sorts.values():
        first, second = label.value_names
        yield f"Not {first}: {second}. Not {second}: {first}."


class _Telling:
    """The looks of a page, told one after another."""

    def __init__(self, looked: Looked, questions: Sequence[str]) -> None:
        self._looked, self._questions = looked, questions
        self._trials, self._lists = trials(looked), Lists(looked.theory, MOST_LEFT)
        self._told: Sequence[str] = ()
        """What the last look added to its clues."""

    def lines(self) -> Iterator[str]:
        looked, lists = self._looked, self._lists
        domains = [(1 << variable.size) - 1 for variable in looked.theory.space]
        order = _Order(looked.clues)
        for before, look in zip((None, *looked.looks), looked.looks, strict=False):
            if look.supposed is not None and before is not None and before.supposed is None:
                yield from self._open_lists(domains)
            yield from self._look(look, domains, order)
            if look.ends_round:
                yield from order.passed(len(looked.clues)) if lists else ()
                if not all(_known(domains, facts) for facts in looked.answered):
                    yield from _asked(looked, self._questions, domains, lists)
        yield from _asked(looked, self._questions, domains, lists)

    def _look(self, look: Look, domains: list[int], order: _Order) -> Iterator[str]:
        """`domains` and `order` change by it."""
        looked, lists = self._looked, self._lists
        if look.supposed is not None:
            yield from self._supposition(look, look.supposed, domains, order)
            return
        if look.step is not None and look.step.suppose is not None:
            yield looked.supposed(look)
            domains_after(look, domains)
            return
        clues = [looked.clues[clue] for clue in look.clues]
        spoken = _spoken_of(looked, look, domains, lists)
        left = _left(looked, spoken, domains)
        lines = _found(looked, look, domains, spoken, lists)
        if lists and not clues and lines[:1] == self._told[-1:]:
            del lines[0]  # what follows from a list that was told just now
        self._told = lines
        one_clue = bool(lists) and look.step is None and len(clues) == 1
        if one_clue:
            yield from order.passed(look.clues[0])
        if clues:
            said = [together(clues), *([left] if left else [])]
            if not one_clue and not look.inferences and not look.used_up:
                said[-1] += f" {NOTHING}"
            yield from said
        yield from lines
        if look.refuted is not None:
            told = {*spoken, *(index for each in _changed(look, lists) for index in each)}
            for known in look.refuted.premises:
                yield from looked.known(known) if known[0] not in told else ()
        for trial in self._trials:
            if trial.failed(look, domains):
                yield from (line for line in _trial(looked, trial, domains) if line not in clues)
        if one_clue:
            yield order.end(look)
        elif clues and look.step is None and look.inferences and not look.used_up:
            yield OPEN

    def _supposition(self, look: Look, supposed: Supposed, domains: list[int], order: _Order) -> Iterator[str]:
        """The supposition and where it leads; then the lists without it."""
        looked = self._looked
        yield f"Suppose: {' '.join(looked.known(supposed.known))}"
        under = list(domains)
        under[supposed.known[0]] = supposed.known[1]
        its_order = order.copy()
        self._told = ()
        for one in supposed.looks:
            yield from self._look(one, under, its_order)
        self._told = ()
        if look.inferences:
            (left,) = look.inferences[0].found
            yield f"So: {' '.join(looked.known(left))}"
            domains[left[0]] = left[1]
            yield from _found(looked, Look((), look.inferences[1:]), domains, (), self._lists)
        else:
            yield f"So: {NOTHING}"
        yield from self._open_lists(domains)

    def _open_lists(self, domains: Sequence[int]) -> Iterator[str]:
        """What is left in the lists of which not all is known."""
        for each in self._lists.all:
            if any(domains[index].bit_count() > 1 for index in each):
                yield _left(self._looked, each, domains)


def _changed(look: Look, lists: Lists) -> set[Members]:
    """The lists of which a look found something."""
    return {lists.of(index) for inference in look.inferences for index, _ in inference.found}


class _Order:
    """Where in the order of the page a look is, said where there are lists: a look then fills many lines. So its end
    says its clue again, and clues that are used up are named where they stand. The next clue is then the one that
    follows on the page after the clue said last."""

    def __init__(self, clues: Sequence[str]) -> None:
        self._clues = clues
        self._used = set[int]()
        self._next = 0

    def copy(self) -> _Order:
        """For what comes under a supposition, which begins with the first clue."""
        other = _Order(self._clues)
        other._used |= self._used
        return other

    def passed(self, clue: int) -> Iterator[str]:
        """Those used up between the clue looked at last and this one, or the end of the round (their number)."""
        yield from (f"{self._clues[one]} {USED}" for one in range(self._next, clue) if one in self._used)
        self._next = 0 if clue == len(self._clues) else clue + 1

    def end(self, look: Look) -> str:
        """Of a look at one clue."""
        if look.used_up:
            self._used.add(look.clues[0])
        if look.refuted is not None:
            remark = IMPOSSIBLE
        else:
            remark = USED if look.used_up else OPEN if look.inferences else NOTHING
        return f"{self._clues[look.clues[0]]} {remark}"


def _found(looked: Looked, look: Look, domains: list[int], spoken: Sequence[int], lists: Lists) -> list[str]:
    """What a look adds to its clues; `domains` shrink by it."""
    clues = [looked.clues[clue] for clue in look.clues]
    lines: list[str] = []
    changed: dict[Members, None] = {}
    """Lists that were not told since a clue changed them."""

    def tell(inference: Inference, known: Collection[int], listed: bool) -> None:
        for line in _inference(looked, inference, domains, known, listed, lines):
            if (line not in lines and line not in clues) or line.endswith(_COMPARED):
                lines.append(line)
        for index, domain in inference.found:
            domains[index] = domain

    for (by_clue, _), run in groupby(look.inferences, lambda inference: (bool(inference.clues), inference.rules)):
        if by_clue:
            lines += [_left(looked, each, domains) for each in changed]
            changed.clear()
            listed = any(map(lists.of, spoken))
            for inference in _in_order(run, spoken) if listed else run:
                tell(inference, spoken, listed)
                changed |= {each: None for index, _ in inference.found if (each := lists.of(index))}
            continue
        by_list: dict[Members, list[Inference]] = {each: [] for each in changed}
        changed.clear()
        for inference in run:
            by_list.setdefault(lists.within(inference), []).append(inference)
        for each, inferences in by_list.items():
            lines += [_left(looked, each, domains)] if each else []
            for inference in inferences:
                tell(inference, each, bool(each))
    return lines + [_left(looked, each, domains) for each in changed]


def _in_order(inferences: Iterable[Inference], order: Sequence[int]) -> list[Inference]:
    """What is found of variables early in `order` first, of all others last."""

    def place(known: Known) -> int:
        return order.index(known[0]) if known[0] in order else len(order)

    ordered = [replace(inference, found=tuple(sorted(inference.found, key=place))) for inference in inferences]
    return sorted(ordered, key=lambda inference: place(inference.found[0]))


def _left(looked: Looked, indices: Sequence[int], domains: Sequence[int]) -> str:
    """What is left of each of some variables."""
    return " ".join(text for index in indices if (text := looked.candidates(index, domains[index])) is not None)


def _spoken_of(looked: Looked, look: Look, domains: Sequence[int], lists: Lists) -> list[int]:
    """The variables of which the clues of a look speak, if one of them speaks of several or of one that is in a list;
    of many, those alone of which something is known."""
    variables = [looked.clue_variables[clue] for clue in look.clues]
    if all(len(of_clue) == 1 and not lists.of(of_clue[0]) for of_clue in variables):
        return []
    spoken = list(dict.fromkeys(index for of_clue in variables for index in of_clue))
    if len(spoken) <= MOST_LEFT:
        return spoken
    return [index for index in spoken if domains[index] != (1 << looked.theory.space[index].size) - 1]


def _trial(looked: Looked, trial: Trial, domains: Sequence[int]) -> Iterator[str]:
    for index in (trial.named, trial.about):
        yield from looked.known((index, domains[index]))
    label = looked.labels.variables[trial.named]
    assert label is not None
    yield _comparison(looked, label.values[domains[trial.named].bit_length() - 1], label.values[trial.value])


def _comparison(looked: Looked, first: Ref, second: Ref) -> str:
    names = looked.labels.names
    return f"{names[first]}, {names[second]}: {'same' if first == second else 'differ'}."


def _inference(
    looked: Looked,
    inference: Inference,
    domains: Sequence[int],
    spoken: Collection[int],
    listed: bool,
    said: Sequence[str],
) -> Iterator[str]:
    """`spoken`: variables of which was said what is left. `listed`: this is of a list, so all values were said.
    `said`: what this look has said before; names are compared once."""
    for known in inference.premises:
        if known[0] not in spoken:
            yield from looked.known(known)
    operations = _Operations(looked, inference)
    yield from (line for line in operations.names_compared() if line not in said)
    for index, domain in inference.found:
        if domain.bit_count() > 1:
            yield from looked.known((index, domain))
            continue
        told = looked.fact(index, domain)
        if told is None or told in [looked.clues[clue] for clue in inference.clues]:
            if told is not None:
                yield told
            continue
        if not listed:
            yield from operations.towards(index, domain, domains[index])
        yield f"So: {told}"


class _Operations:
    """What lies between the premises of an inference and its conclusions."""

    def __init__(self, looked: Looked, inference: Inference) -> None:
        self._looked, self._labels = looked, looked.labels
        self._premises = inference.premises
        self._clues = [looked.page.clues[clue] for clue in inference.clues]
        self._parts = [part for clue in self._clues for part in _parts(clue)]
        """What the clues are made of."""
        self._met = {ref for part in self._parts for ref in part.args if isinstance(ref, Ref)}
        """Entities that clues and premises name."""
        values = {label.values[0].sort for label in self._labels.variables if label}
        self._places = values - looked.interchangeable
        """Sorts of variables' values that are known by their place, such as rooms and houses."""
        for index, domain in inference.premises:
            if (label := self._labels.variables[index]) is not None:
                self._met.update(label.subjects, (label.values[value] for value in bits(domain)))

    def names_compared(self) -> Iterator[str]:
        """A name that a premise gives, such as the murder weapon's, and that of which another premise or the clue, if
        it has one part, speaks."""
        if self._clues:
            of = [ref for ref in self._parts[0].args if isinstance(ref, Ref)] if len(self._parts) == 1 else []
        else:
            labels = (self._labels.variables[index] for index, _ in self._premises)
            of = [ref for label in labels if label for ref in label.subjects]
        for _, name in self._settled:
            if name.sort in self._looked.interchangeable:
                yield from (_comparison(self._looked, name, ref) for ref in of if ref.sort == name.sort)

    def towards(self, index: int, domain: int, before: int) -> Iterator[str]:
        """The operations towards a variable's one value."""
        label = self._labels.variables[index]
        if label is None:
            return
        value = label.values[domain.bit_length() - 1]
        yield from self._compared(index, value)
        for subject in label.subjects:
            sort = self._labels.sorts.get(subject.sort, [])
            named = subject.sort in self._looked.interchangeable
            if named and len(sort) == 2 and subject not in self._met:
                yield self._rest(subject, sort)
        yield from self._denied(index, domain)
        ruled_out = [part for part in self._parts if self._names_another(part, index, value)]
        if value not in self._met or ruled_out:
            own = any(known[0] == index for known in self._premises)
            if len(label.values) == 2 or (not own and len(label.values) <= MOST_OTHERS + 1):
                yield self._rest(value, label.values)

    def _denied(self, index: int, domain: int) -> Iterator[str]:
        """What parts of a clue with several say of the variable, and is false."""
        for part in self._parts if len(self._parts) > 1 else ():
            match self._looked.theory.formula(part):
                case Is(variable, value) if variable.index == index and not domain >> value & 1:
                    yield from self._looked.denials(index, 1 << value) or ()

    def _rest(self, left: Ref, every: Sequence[Ref]) -> str:
        others = [ref for ref in every if ref != left]
        return f"Not {self._labels.listed(others)}: {self._labels.names[left]}."

    def _names_another(self, part: Statement, index: int, value: Ref) -> bool:
        """Whether a part of a clue speaks of the variable with another value."""
        named = [ref for ref in part.args if isinstance(ref, Ref) and ref.sort == value.sort]
        return bool(named) and value not in named and index in spoken_of(self._looked.theory.formula(part))

    def _compared(self, index: int, value: Ref) -> Iterator[str]:
        """Two premises' places; a premise's place and that of a part of the clue on which it bears, parts that are
        decided first; the places of the two parts of a clue that needs no premise; or a premise's place and that of a
        clue of one part."""
        places = [(variable, ref) for variable, ref in self._settled if ref.sort in self._places]
        if not self._clues:
            alike = [(variable, ref) for variable, ref in places if ref.sort != value.sort]
            if len(alike) == 2 and alike[0][1].sort == alike[1][1].sort:
                # That of the two first whose name is told next.
                first, second = sorted(alike, key=lambda place: value.sort not in self._subject_sorts(place[0]))
                yield self._place_compared(*first, second[1])
            return
        if len(self._parts) == 1:
            named = [ref for ref in self._parts[0].args if isinstance(ref, Ref)]
            for variable, ref in places:
                if ref.sort != value.sort and (same := [other for other in named if other.sort == ref.sort]):
                    yield self._place_compared(variable, ref, same[-1])
            return
        compared = dict.fromkeys(
            self._place_compared(variable, ref, place)
            for half in self._halves
            for place in self._parts_places(half.statement)
            for variable, ref in places
            if ref.sort == place.sort and variable != index and half.depends_on(variable)
        )
        yield from compared
        if not compared:
            values = [place for part in self._parts for place in self._parts_places(part)]
            if len(values) == 2 and values[0].sort == values[1].sort != value.sort:
                yield _comparison(self._looked, *values)

    def _place_compared(self, variable: int, place: Ref, other: Ref) -> str:
        """A variable's place with another, behind what the variable is of, if it is of an entity."""
        label = self._labels.variables[variable]
        of = f"{label.text}: " if label and label.subjects else ""
        return f"{of}{_comparison(self._looked, place, other)}"

    def _subject_sorts(self, variable: int) -> set[str]:
        label = self._labels.variables[variable]
        return {ref.sort for ref in label.subjects} if label else set()

    @cached_property
    def _halves(self) -> list[Half]:
        """The parts of the clues, those first that the premises decide."""
        halves = [Half(self._looked.theory, part, self._premises) for part in self._parts]
        return sorted(halves, key=lambda half: not half.decided)

    def _parts_places(self, part: Statement) -> list[Ref]:
        return [ref for ref in part.args if isinstance(ref, Ref) and ref.sort in self._places]

    @cached_property
    def _settled(self) -> list[tuple[int, Ref]]:
        """The premises that give a variable one value: the variable and the value."""
        return [
            (index, label.values[domain.bit_length() - 1])
            for index, domain in self._premises
            if domain.bit_count() == 1 and (label := self._labels.variables[index]) is not None
        ]


def _parts(statement: Statement) -> list[Statement]:
    """The statements that a statement is made of, or itself."""
    inner = [part for arg in statement.args if isinstance(arg, Statement) for part in _parts(arg)]
    return inner or [statement]


def _asked(looked: Looked, questions: Sequence[str], domains: Sequence[int], lists: Lists) -> Iterator[str]:
    """Each question with the facts that answer it, up to the first that nothing answers yet. Where it is about a list,
    with what is left of each before."""
    for facts, question, text in zip(looked.answered, looked.page.questions, questions, strict=False):
        # A line that begins with the letter, or with the question, would be read as an answer.
        parts = [f"Asked: {text}"]
        about = looked.about(question) if lists else []
        if len(about) <= MOST_ASKED and any(map(lists.of, about)):
            parts.append(_left(looked, about, domains))
            facts = tuple(sorted(facts, key=lambda known: about.index(known[0]) if known[0] in about else len(about)))
        if not _known(domains, facts):
            yield " ".join([*parts, NOTHING])
            return
        yield " ".join([*parts, *(line for known in facts for line in looked.known(known))])


def _known(domains: Sequence[int], facts: Sequence[Known]) -> bool:
    """Whether facts are known by the values that are left of each variable."""
    return all(domains[index] & ~domain == 0 for index, domain in facts)
