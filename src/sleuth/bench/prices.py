"""Price files: what a million tokens cost, by model, with the day on which somebody looked it up.

    date = 2026-11-29
    source = "https://example.com/pricing"

    [models."some-model"]
    prompt_usd = 0.15
    completion_usd = 0.60

Prices change, so none are built in, and every figure in dollars carries the file's date.
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sleuth.errors import UserError
from sleuth.files import read_text

MILLION = 1_000_000


class Price(BaseModel):
    """Of a model, in dollars for a million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt_usd: float = Field(ge=0)
    completion_usd: float = Field(ge=0)
    """Of new tokens, reasoning included."""

    def usd(self, prompt_tokens: int, new_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt_usd + new_tokens * self.completion_usd) / MILLION


class Prices(BaseModel):
    """A price file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: date
    source: str = ""
    models: dict[str, Price]


class DatedPrice(Price):
    """A price as results keep it."""

    date: date


def read_prices(path: Path) -> Prices:
    """Raises `UserError` for a file that is missing, no TOML, or has other keys."""
    try:
        return Prices.model_validate(tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: not a price file ({where}: {first['msg']}); see docs/how-to/benchmark.md") from None


def price_of(prices: Prices | None, model: str) -> DatedPrice | None:
    """The price of a model by the name it is asked for; None where the file does not name it."""
    if prices is None or model not in prices.models:
        return None
    return DatedPrice(date=prices.date, **prices.models[model].model_dump())
