"""Names and words of a declared family's cases: sampled, exchanged, and put into the lexicon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from sleuth.config import Names
from sleuth.puzzles import names as pool
from sleuth.puzzles.kit.declaration import NUMBERS, Case, Look, Number, Setting, Sort, Theme
from sleuth.puzzles.kit.theory import KitTheory
from sleuth.puzzles.prose import Lexicon
from sleuth.puzzles.statements import Argument, Ref


def named(setting: Setting, theme: Theme, shape: Sequence[int], rng: Random) -> Case:
    """A case of a shape with names of a theme."""
    sizes, found = setting.sizes(shape), dict[str, tuple[str, ...]]()
    for sort in setting.sorts:
        size = sizes[sort.name]
        if sort.lists is not None:
            labels, length = found[sort.lists.name], size // sizes[sort.lists.name]
            found[sort.name] = tuple(name for label in labels for name in rng.sample(theme.names[label], length))
        elif (whole := setting.made_of(sort)) is not None:
            first, *others = (label for label in theme.names if label in whole.looks)
            found[sort.name] = (first, *rng.sample(others, size - 1))
        else:
            found[sort.name] = tuple(rng.sample(theme.names[sort.name], size)) if sort.listed else sort.names[:size]
    labels = tuple(theme.looks.get(sort.name, "") for sort in setting.sorts) if theme.looks else ()
    return Case(tuple(found.values()), theme.title, theme.story, labels)


def renamed(setting: Setting, case: Case, rng: Random) -> Case:
    """The same case with names of another theme: one with other labels or, where themes have none, other names."""
    given = {name for names in case.names for name in names}
    others = [
        theme
        for theme in setting.themes
        if (
            not set(theme.looks.values()) & set(case.labels)
            if case.labels
            else given.isdisjoint(name for names in theme.names.values() for name in names)
        )
    ]
    return named(setting, rng.choice(others or setting.themes), case.shape, rng)


def dressed(setting: Setting, case: Case, names: Names, rng: Random) -> Case:
    """The case with names of people, and of all themes; or with half the words of these made up."""
    if names == "themed":
        return case
    coined, given, found = set[str](), set[str](), []
    for sort, old in zip(setting.sorts, case.names, strict=True):
        new = list(old)
        if sort.listed and setting.made_of(sort) is None:
            length = len(old) // len(_lists(setting, case, sort))
            chosen = []
            for label in _lists(setting, case, sort):
                known = sorted({name for theme in setting.themes for name in theme.names.get(label, ())} - given)
                some = pool.people(length, rng) if sort.people else rng.sample(known, length)
                while not given.isdisjoint(some):  # of another sort of people
                    some = pool.people(length, rng)
                chosen += some
                if sort.people or sort.lists is not None:
                    given.update(some)
            new = pool.coined(chosen, coined, rng) if names == "coined" else chosen
        found.append(tuple(new))
    return Case(tuple(found), case.title, case.story, case.labels)


def _lists(setting: Setting, case: Case, sort: Sort) -> Sequence[str]:
    """What themes list the names of a sort under."""
    return (sort.name,) if sort.lists is None else setting.names_of(case)[sort.lists.name]


def lexicon(setting: Setting, theory: KitTheory, case: Case, numbers: Sequence[Number]) -> Lexicon:
    """The words of a case: of every entity in every form, and of sorts and lists themselves."""
    found: dict[str, list[tuple[Argument, tuple[str, ...]]]] = {}
    for number in numbers:
        refs = theory.entities[number.name]
        found[number.name] = [(ref, (NUMBERS[ref.index],)) for ref in refs]
        found[f"{number.name}_one"] = [entry for entry in found[number.name] if entry[0] == Ref(number.name, 1)]
        found[f"{number.name}_many"] = [entry for entry in found[number.name] if entry[0] != Ref(number.name, 1)]
    names = setting.names_of(case)
    for sort in setting.sorts:
        for gap, argument, text in _worded(setting, theory, case, sort, names):
            found.setdefault(gap, []).append((argument, (text,)))
    return found


def _worded(
    setting: Setting, theory: KitTheory, case: Case, sort: Sort, names: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Argument, str]]:
    """Gap type, argument and wording of all that can be said of a sort."""
    if sort.lists is None:
        looks = [Look(sort.text, sort.forms)]
        if sort.looks:
            looks = [sort.looks[case.labels[setting.sorts.index(sort)]]]
    else:
        looks = [sort.looks[label] for label in names[sort.lists.name]]
    for ref, name in zip(theory.entities[sort.name], names[sort.name], strict=True):
        look = looks[theory.list_of(ref)]
        yield sort.name, ref, look.text.format(name)
        for form, text in look.forms.items():
            if "{}" in text:
                yield f"{sort.name}_{form}", ref, text.format(name)
    for number, look in enumerate(looks):
        for form, text in look.forms.items():
            if "{}" not in text and sort.lists is not None:
                yield f"{sort.lists.name}_{form}", Ref(sort.lists.name, number), text
            elif "{}" not in text:
                yield f"{sort.name}_{form}", None, text
