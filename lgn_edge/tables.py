"""Tables of settings: frozen records that check themselves, read from and written as tables of TOML or JSON.

    @dataclass(frozen=True)
    class CoderRecipe(Table):
        TABLE: ClassVar = "coder"
        levels: int = whole(3, least=1)
        spacing: str = word("uniform", ("uniform", "quantiles"))

Each setting says in its own line what is legal; a record that exists is legal. A table that comes in several kinds has
`KIND` set, which is what its `kind` says in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import Any, ClassVar, Final, Self

from lgn_edge import checks
from lgn_edge.errors import InputError
from lgn_edge.words import near

Check = Callable[[Any, str], Any]  # a value and what it is, to the value as it is kept

_CHECK: Final = "check"


@dataclass(frozen=True)
class Table:
    """A table of settings.

    Attributes:
        TABLE: its name, for messages.
        KIND: what `kind` says in a file; "" for a table of one kind.

    Raises:
        InputError: a value has another type or is not legal.
    """

    TABLE: ClassVar[str]
    KIND: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = setting.metadata[_CHECK](getattr(self, setting.name), f"{_title(self)} {setting.name}")
            object.__setattr__(self, setting.name, value)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The record of plain values by name.

        Raises:
            InputError: a setting is unknown or missing, or a value is not legal.
        """
        known = [setting.name for setting in fields(cls)]
        given = {name: value for name, value in values.items() if not (cls.KIND and name == "kind")}
        for name in given:
            if name not in known:
                there = f"there are {', '.join(known)}" if known else "it has none"
                raise InputError(f"{_title(cls)} has no setting {name!r}{near(name, known)}; {there}")
        for setting in fields(cls):
            if setting.name not in given and setting.default is MISSING:
                raise InputError(f"{_title(cls)} needs the setting {setting.name}")
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """All settings as values of TOML and JSON; `read` makes the same record of them."""
        kind = {"kind": self.KIND} if self.KIND else {}
        ordered = sorted(fields(self), key=lambda setting: bool(setting.kw_only))  # as the constructor takes them
        return kind | {setting.name: _plain(getattr(self, setting.name)) for setting in ordered}


def whole(default: Any = MISSING, *, least: int, most: int | None = None) -> Any:
    """A whole number within bounds."""
    return _setting(default, partial(checks.whole_number, least=least, most=most))


def whole_numbers(default: Any = MISSING, *, least: int) -> Any:
    """A list of whole numbers that are at least so much."""

    def check(value: Any, what: str) -> tuple[int, ...]:
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            raise InputError(f"{what} is {value!r}; it must be a list of whole numbers")
        return tuple(checks.whole_number(number, f"{what}: a number", least=least) for number in value)

    return _setting(default, check)


def positive(default: Any = MISSING) -> Any:
    """A number above 0, and finite."""
    return _setting(default, checks.positive_number)


def not_negative(default: Any = MISSING) -> Any:
    """A number from 0 on, and finite."""
    return _setting(default, checks.not_negative_number)


def finite(default: Any = MISSING) -> Any:
    """Any number that is finite."""
    return _setting(default, checks.finite_number)


def share(default: Any = MISSING) -> Any:
    """A number from 0 to 1."""
    return _setting(default, checks.share_of_one)


def share_below_one(default: Any = MISSING) -> Any:
    """A number from 0 on and below 1."""
    return _setting(default, checks.share_less_than_one)


def flag(default: Any = MISSING) -> Any:
    """True or false."""
    return _setting(default, checks.true_or_false)


def text(default: Any = MISSING) -> Any:
    """Any text."""
    return _setting(default, checks.any_text)


def word(default: Any = MISSING, choices: Iterable[str] = ()) -> Any:
    """One of some words."""
    return _setting(default, partial(checks.one_word_of, legal=tuple(choices)))


def table(kind: type[Table]) -> Any:
    """A table, by default one whose settings have their defaults."""
    return _setting(MISSING if _required(kind) else kind(), lambda value, what: _read((kind,), value, what))


def one_of(kinds: Sequence[type[Table]]) -> Any:
    """A table of one of some kinds, by default of the first; a file may give the name of the kind alone."""
    return _setting(kinds[0](), lambda value, what: _read(kinds, value, what))


def some_of(kinds: Sequence[type[Table]]) -> Any:
    """A list of at least one table, each of one of some kinds; the first is meant where `kind` is left out."""

    def check(value: Any, what: str) -> tuple[Table, ...]:
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            raise InputError(f"{what} is {value!r}; it must be a list of tables")
        read = tuple(_numbered(kinds, item, what, i) for i, item in enumerate(value))
        if not read:
            raise InputError(f"{what} is an empty list; give at least one table")
        return read

    return _setting(MISSING, check)


def _setting(default: Any, check: Check) -> Any:
    return field(default=default, metadata={_CHECK: check})


def _read(kinds: Sequence[type[Table]], value: Any, what: str) -> Table:
    if isinstance(value, Table) and isinstance(value, tuple(kinds)):
        return value
    names = {kind.KIND: kind for kind in kinds}
    if isinstance(value, str) and kinds[0].KIND:
        value = {"kind": value}
    if not isinstance(value, Mapping):
        raise InputError(f"{what} is {value!r}; it must be a table")
    name = value.get("kind", kinds[0].KIND)
    if name not in list(names):
        raise InputError(f"{what} is of kind {name!r}{near(name, names)}; legal are {', '.join(names)}")
    return names[name].read(value)


def _numbered(kinds: Sequence[type[Table]], value: Any, what: str, i: int) -> Table:
    try:
        return _read(kinds, value, f"{what}.{i}")
    except InputError as error:
        raise InputError(f"{what.split()[-1]}.{i}: {error}") from error


def _required(kind: type[Table]) -> bool:
    return any(setting.default is MISSING for setting in fields(kind))


def _plain(value: Any) -> Any:
    if isinstance(value, Table):
        return value.to_dict()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _title(table: Table | type[Table]) -> str:
    return f"[{table.TABLE}]" if table.TABLE else "the recipe"
