"""The registry: every task and family by its id, loaded when it is first needed.

    sleuth.register("seating@1", "my_package.seating:Seating")

An id is `name@version`; several versions of a name stand side by side. A stored puzzle picks its own. A plain name
means the newest, but for the names in `MEANT`. Another package brings tasks by entry points of the group
`sleuth.families`, named by the id:

    [project.entry-points."sleuth.families"]
    "seating@1" = "my_package.seating:Seating"

What is registered is a `Task` or a `Family`, or a class or function that makes one. A family becomes a task by
`sleuth.grading.deduction`: that room stands below this one, so it is named here, as the built-in families are, and not
imported.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any, TypeVar, cast

from sleuth.errors import UserError, nearest
from sleuth.puzzles.family import Family
from sleuth.puzzles.task import Task

GROUP = "sleuth.families"
"""Group of the entry points by which packages bring tasks."""
BUILT_IN = {
    "kinship@1": "sleuth.puzzles.families.kinship:Kinship",
    "knights-and-knaves@1": "sleuth.puzzles.families.knights_and_knaves:KnightsAndKnaves",
    "round-table@1": "sleuth.puzzles.families.round_table:RoundTable",
    "timetable@1": "sleuth.puzzles.families.timetable:Timetable",
    "temporal-clue@1": "sleuth.puzzles.temporal_clue:TemporalClue",
    "zebra@1": "sleuth.puzzles.zebra:Zebra",
    "zebra@2": "sleuth.puzzles.families.zebra:Zebra",
}
MEANT = {"zebra": "zebra@1"}
"""Names that mean an older version, because the newest one differs from it in how hard its puzzles are."""
LIBRARIES = {"reasoning-gym/": "sleuth.gym.task:gym_task"}
"""Prefix of names to the function that gives the tasks of another library, whose names and versions are its own, by
name or id."""
_DEDUCTION = "sleuth.grading.deduction:Deduction"
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*@[1-9]\d*")

Item = TypeVar("Item")
Result = TypeVar("Result")
Entry = Task | Family[Any, Any]
Source = str | Callable[[], Entry] | Entry
"""`module:name` of what gives an entry, or that itself."""


_registered: dict[str, Source] = {}
_loaded: dict[str, Entry] = {}
_tasks: dict[str, Task] = {}


def register(id: str, source: Source) -> None:
    """Adds a task or family under its id, `name@version`, from `"module:name"`, a class, a function without arguments
    or an object.

    Processes that make and grade puzzles for this one import it again by module and name, so a class of a script that
    is being run, or of a function, serves this process only. Raises `UserError` for an id of another form, for the name
    of a built-in family and for an id that something else has.
    """
    if _ID.fullmatch(id) is None:
        raise UserError(f"{id!r} is no id of a family; it is a name and a version, such as 'my-family@1'")
    if _name(id) in _built_in_names():
        raise UserError(f"{_name(id)} is a family of Sleuth's own; register {id!r} under another name")
    if id in _registered and _where(_registered[id]) != _where(source):
        raise UserError(f"{id} is registered already, from {_where(_registered[id])}; take another name or version")
    _registered[id] = source
    _loaded.pop(id, None)
    _tasks.pop(id, None)


def unregister(id: str) -> None:
    """Takes back what `register` added."""
    for known in (_registered, _loaded, _tasks):
        known.pop(id, None)


def registrations() -> list[tuple[str, str]]:
    """What `register` added, as plain data for `adopt` in another process."""
    return [(id, _where(source)) for id, source in _registered.items()]


def adopt(found: Iterable[tuple[str, str]]) -> None:
    """Registers what another process has registered."""
    for id, where in found:
        _registered.setdefault(id, where)


def adopting(function: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """The function as another process is given it, with what is registered in this one."""
    return partial(_adopt_and_call, registrations(), function)


def _adopt_and_call(registered: Iterable[tuple[str, str]], function: Callable[[Item], Result], item: Item) -> Result:
    adopt(registered)
    return function(item)


def family_names() -> list[str]:
    """Names of all tasks and families that are registered, without loading them; those of `LIBRARIES` aside."""
    return list(dict.fromkeys(_name(id) for id in family_ids()))


def family_ids() -> list[str]:
    """Ids of all versions of these, without loading them: of a name the newest first."""
    ids = [*BUILT_IN, *_registered, *_plugins()]
    names = list(dict.fromkeys(map(_name, ids)))
    return sorted(dict.fromkeys(ids), key=lambda id: (names.index(_name(id)), -_version(id)))


def get_task(name: str) -> Task:
    """A task by name (`timetable`: its newest version, or what `MEANT` says) or id (`timetable@1`).

    Raises `UserError` with the nearest name for one that is not known, and for one that does not load.
    """
    found = _entry(name)
    if isinstance(found, Task):
        return found
    if found.id not in _tasks:
        _tasks[found.id] = cast(Task, _resolve(_DEDUCTION)(found))
    return _tasks[found.id]


def get_family(name: str) -> Family[Any, Any]:
    """As `get_task`, but the logic behind it. Raises `UserError`, too, for tasks without clues and rules."""
    found = _entry(name)
    family = found.family if isinstance(found, Task) else found
    if family is None:
        raise UserError(
            f"{name} has no clues and rules: its puzzles can only be made, shown, asked, graded and trained on"
        )
    return family


def families() -> Iterator[Family[Any, Any]]:
    """All families in the order of `family_ids`, each loaded as it is asked for."""
    for id in family_ids():
        entry = _load(id)
        family = entry.family if isinstance(entry, Task) else entry
        if family is not None:
            yield family


def _entry(name: str) -> Entry:
    for prefix, where in LIBRARIES.items():
        if name.startswith(prefix):
            return cast(Task, _resolve(where)(name))
    return _load(_id_of(name))


def _id_of(name: str) -> str:
    """The id that a name or id means."""
    plain, _, version = name.partition("@")
    if plain in _built_in_names():
        ids = [id for id in BUILT_IN if _name(id) == plain]
    else:
        ids = [id for id in (*_registered, *_plugins()) if _name(id) == plain]
    if not ids:
        known = [*family_names(), *(f"{prefix}TASK" for prefix in LIBRARIES)]
        raise UserError(f"unknown family {name!r}; {nearest(plain, known)}{_unusable(plain)}")
    if "@" in name and name not in ids:
        have = " and ".join(repr(id) for id in sorted(ids, key=_version))
        raise UserError(f"{name!r}: this Sleuth has {have}{_unusable(plain)}")
    return name if version else MEANT.get(name, max(ids, key=_version))


def _load(id: str) -> Entry:
    if id not in _loaded:
        if id in BUILT_IN:
            found = _made(BUILT_IN[id])
        elif id in _registered:
            found = _foreign(id, _registered[id], "it is registered")
        else:
            where, package = _plugins()[id]
            found = _foreign(id, where, f"the package {package} brings it")
        _loaded[id] = found
    return _loaded[id]


def _foreign(id: str, source: Source, whence: str) -> Entry:
    """Loads what is not ours. Raises `UserError`, in one line, whatever it raises or is."""
    try:
        found = _made(source)
    except Exception as error:  # code of somebody else's: whatever it raises must not take Sleuth down
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{id}: {whence} from {_where(source)}, but it does not load ({said})") from error
    if not isinstance(found, Task | Family):
        raise UserError(f"{id}: {whence} from {_where(source)}, which gives no sleuth.Task and no sleuth.Family")
    if found.id != id:
        raise UserError(f"{id}: {whence} from {_where(source)}, which calls itself {found.id}; make the two the same")
    return found


def _made(source: Source) -> Entry:
    found: Any = _resolve(source) if isinstance(source, str) else source
    return cast(Entry, found() if callable(found) else found)


def _resolve(where: str) -> Any:
    """What `module:name` names."""
    module, _, path = where.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in path.split("."):
        found = getattr(found, attribute)
    return found


def _where(source: Source) -> str:
    """`module:name` of a source."""
    if isinstance(source, str):
        return source
    named: Any = source if callable(source) else type(source)
    return f"{named.__module__}:{named.__qualname__}"


@cache
def _entry_points() -> list[tuple[str, str, str]]:
    """(Name, `module:name`, package) of what installed packages bring, in an order that is always the same."""
    points = importlib.metadata.entry_points(group=GROUP)
    return sorted((point.name, point.value, point.dist.name if point.dist else "?") for point in points)


@cache
def _plugins() -> dict[str, tuple[str, str]]:
    """Id to (`module:name`, package) of what can be used of that: no name of a built-in family, and of an id that two
    packages bring, that of the first by name."""
    found: dict[str, tuple[str, str]] = {}
    for name, where, package in sorted(_entry_points(), key=lambda point: point[2]):
        if _ID.fullmatch(name) and _name(name) not in _built_in_names():
            found.setdefault(name, (where, package))
    return found


def _unusable(plain: str) -> str:
    """What is added where a name is not found, but a package brings it in a way that cannot be."""
    for name, _, package in _entry_points():
        if _name(name) == plain and name not in _plugins():
            why = "a family of Sleuth's own has that name" if plain in _built_in_names() else "an id is NAME@VERSION"
            return f" (the package {package} brings {name!r}, but {why})"
    return ""


def _built_in_names() -> set[str]:
    return {_name(id) for id in BUILT_IN}


def _name(id: str) -> str:
    return id.partition("@")[0]


def _version(id: str) -> int:
    return int(id.partition("@")[2])
