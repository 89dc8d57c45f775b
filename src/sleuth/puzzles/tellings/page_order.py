"""The clues in the order of the page, each with what now follows: in sentences, or as what is left of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sleuth.logic.rounds import Look
from sleuth.puzzles.tellings.rounds import NOTHING, Looked


def page_order(looked: Looked, _questions: Sequence[str]) -> list[str]:
    """A line for each look at a clue: the clue, and "So: …" or "Nothing yet."."""
    domains = [(1 << variable.size) - 1 for variable in looked.theory.space]

    def words(index: int, domain: int) -> list[str]:
        gone = domains[index] & ~domain
        if domain.bit_count() == 1:
            text = looked.fact(index, domain)
            return [] if text is None else [text]
        denials = looked.denials(index, gone)
        return looked.known((index, domain)) if denials is None else denials

    return list(_lines(looked, domains, words, " So: "))


def state(looked: Looked, _questions: Sequence[str]) -> list[str]:
    """A line for each look at a clue: the clue, and for all that it changes what may still be."""
    domains = [(1 << variable.size) - 1 for variable in looked.theory.space]

    def words(index: int, domain: int) -> list[str]:
        text = looked.candidates(index, domain)
        return looked.known((index, domain)) if text is None else [text]

    return list(_lines(looked, domains, words, " "))


def _lines(looked: Looked, domains: list[int], words: Callable[[int, int], list[str]], lead: str) -> Iterator[str]:
    """`domains` shrink as the looks go on."""
    for look in looked.looks:
        if look.step is not None and look.step.suppose is not None:
            yield looked.supposed(look)
            domains_after(look, domains)
            continue
        clues = [looked.clues[clue] for clue in look.clues]
        left: dict[int, int] = {}
        for inference in look.inferences:
            for index, domain in inference.found:
                left.pop(index, None)
                left[index] = domain
        told = [text for index, domain in left.items() for text in words(index, domain) if text not in clues]
        domains_after(look, domains)
        said = together(clues)
        if told:
            yield f"{said}{lead}{' '.join(told)}".strip()
        elif clues:
            yield said if look.used_up or left else f"{said} {NOTHING}"


def together(clues: Sequence[str]) -> str:
    """One clue, or several that are taken together."""
    return f"{clues[0]} Together with: {' '.join(clues[1:])}" if len(clues) > 1 else "".join(clues)


def domains_after(look: Look, domains: list[int]) -> None:
    """Takes over what a look found."""
    for inference in look.inferences:
        for index, domain in inference.found:
            domains[index] = domain
