"""Grading of tasks of the library reasoning-gym: its own scorer decides.

The scorers are somebody else's code on untrusted text. Where one fails, the answer is wrong; where one takes too long
or too much memory, the worker ends it (`sleuth.grading.worker`). Some of them give a text to `eval` or to SymPy's
parser, which does the same, so that an answer (or a file of puzzles) could run any program: these are only given what
computes a value.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Collection, Iterator
from types import MappingProxyType
from typing import Any

from sleuth.grading.normalise import LONGEST_TEXT
from sleuth.gym.items import LETTER, data_set, item_of, read_answer, source_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome, Score

LONGEST_ANSWER = 20_000
"""Characters that a scorer is given at most; some take a time that grows with the square."""
GIVEN, GOLD = "given", "gold"
RUN_BY_SCORERS = MappingProxyType(
    {
        "binary_matrix": (GIVEN,),
        "bitwise_arithmetic": ("problem",),
        "countdown": (GIVEN,),
        "n_queens": (GIVEN,),
        "number_sorting": (GOLD,),
        "puzzle24": (GIVEN,),
        "simple_integration": (GIVEN, "integrand"),
        "spiral_matrix": (GIVEN,),
        "string_insertion": (GIVEN,),
    }
)
"""What a task's scorer runs as Python: the answer given, the right one, or a key of its metadata."""
_FUNCTIONS = frozenset(
    {"Abs", "acos", "acosh", "acot", "asin", "asinh", "atan", "atanh", "cos", "cosh", "cot", "coth", "csc", "exp", "ln"}
    | {"log", "sec", "sin", "sinh", "sqrt", "tan", "tanh"}
)
_NODES = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop),
    *(ast.Constant, ast.Name, ast.Load, ast.List, ast.Tuple),
)
_WORD = re.compile(r"\w+")
_WORDS = re.compile(r"[\w\s]*")
_INNER = re.compile(r"[\w\s.+-]*")
"""A text within a list: SymPy would read it as a formula, too."""


def grade_task(puzzle: Puzzle, completion: str, truncated: bool, strict_format: bool = False) -> Score:
    """As `sleuth.grading.grade`: the reward is what the task's scorer says, and only 1 is right.

    A scorer compares texts, so where it does not call an answer right, it is asked again about the answer without what
    is wrapped around it (`unwrapped`). Raises `UserError` without the library and for a puzzle of another version of
    it.
    """
    task = source_of(puzzle.family).task
    item = item_of(puzzle)
    answer = read_answer(completion) if strict_format else find_answer(completion)
    if answer is None:
        return _score(Outcome.TRUNCATED if truncated else Outcome.UNREADABLE, None, 0.0, "no answer line")
    if len(answer) > LONGEST_ANSWER:
        return _score(Outcome.UNDECIDED, answer, 0.0, f"an answer of more than {LONGEST_ANSWER} characters")
    score = _scored(task, item, answer)
    for other in () if strict_format else unwrapped(answer):
        if score.correct:
            break
        score = max(score, _scored(task, item, other), key=lambda one: one.reward)
    return score


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_END_TOKEN = re.compile(r"(?:<\|[^<>|\n]{1,40}\|>|</s>|<(?:eos|end_of_turn|end_of_text|endoftext)>|</answer>)\Z")
_START = re.compile(
    r"(?:<answer>|[\s>#*•+_-])*+(?:(?:final |the )?answer:?\s{0,3})?[*_(\[]*+A[*_\])]{0,4}(?:[.:)]|(?<=\]))[*_]*+"
    r"(?:[ \t\u00a0]+|(?=[^\s.]))(.*)",
    re.IGNORECASE,
)
_WRAPPED = re.compile(
    r"\*\*(?P<bold>.+)\*\*|\*(?P<italic>.+)\*|__(?P<under>.+)__|`+(?P<code>[^`]+)`+|\$+(?P<math>[^$]+)\$+|"
    r"\\boxed\{(?P<boxed>.+)\}|\\text\{(?P<text>.+)\}|[\"“](?P<quoted>[^\"“”]+)[\"”]|\\\((?P<inline>.+)\\\)"
)


def find_answer(completion: str) -> str | None:
    """What a completion gives as its answer: as `sleuth.gym.items.read_answer`, and where that finds none, behind the
    last line that begins with the letter in another form (`* A. x`, `A.x`, `Answer A: x`, `<answer>A. x</answer>`).
    End tokens and invisible characters are left out."""
    text = _INVISIBLE.sub("", completion[-LONGEST_TEXT:])
    while found := _END_TOKEN.search(text, max(0, len(text) - 50)):
        text = text[: found.start()].rstrip()
    if (answer := read_answer(text.removeprefix("<answer>"))) is not None:
        return answer
    for line in reversed(text.splitlines()):
        if found := _START.fullmatch(line):
            return found[1].strip() or None
    return None


def unwrapped(answer: str) -> Iterator[str]:
    """An answer of one line without marks, quotes or LaTeX around it, then also without the full stop behind it, then
    with its first letter large or small: what people vary."""
    if "\n" in answer:
        return
    inner = answer.strip()
    for _ in range(4):
        found = _WRAPPED.fullmatch(inner.removesuffix("."))
        if not found:
            break
        inner = next(group for group in found.groups() if group).strip()
    plain = inner.removesuffix(".").rstrip()
    for other in dict.fromkeys((inner, plain, plain[:1].swapcase() + plain[1:])):
        if other and other != answer:
            yield other


def _scored(task: str, item: dict[str, Any], answer: str) -> Score:
    scorer = data_set(task).score_answer
    own = {name for name in scorer.__code__.co_varnames if len(name) > 1}  # a single letter is a formula's, too
    if not all(harmless(text, own) for text in _run(task, item, answer)):
        return _score(Outcome.WRONG, answer, 0.0, "its scorer would run this as Python, and it is no plain value")
    try:
        value = float(scorer(answer, item))
    except MemoryError:
        raise  # met by the worker
    except Exception as error:
        return _score(Outcome.WRONG, answer, 0.0, f"its scorer failed: {type(error).__name__}: {error}"[:200])
    reward = 0.0 if math.isnan(value) else min(1.0, max(0.0, value))
    outcome = Outcome.CORRECT if reward == 1 else Outcome.PARTLY if reward else Outcome.WRONG
    return _score(outcome, answer, reward, "")


def _score(outcome: Outcome, answer: str | None, reward: float, detail: str) -> Score:
    right = outcome is Outcome.CORRECT
    return Score(outcome, reward, right, {LETTER: answer}, {LETTER: right}, detail)


def _run(task: str, item: dict[str, Any], answer: str) -> Iterator[str]:
    for what in RUN_BY_SCORERS.get(task, ()):
        yield str({GIVEN: answer, GOLD: item["answer"]}.get(what) or item["metadata"].get(what, ""))


def harmless(text: str, variables: Collection[str] = ()) -> bool:
    """Whether a text, run as Python or by SymPy, can do no more than compute a value: words, numbers, lists, formulas
    of well-known functions. None of the words may be one of these variables, those of the function that runs it: the
    right answer is among them. How long that may take is the worker's affair."""
    if not set(_WORD.findall(unicodedata.normalize("NFKC", text))).isdisjoint(variables):
        return False
    if _WORDS.fullmatch(text):
        return True
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _computes(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _computes(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        named = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        return named and not node.keywords and all(map(_computes, node.args))
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return isinstance(node.value, str) and _INNER.fullmatch(node.value) is not None
    return isinstance(node, _NODES) and all(map(_computes, ast.iter_child_nodes(node)))
