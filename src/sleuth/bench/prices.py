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
from typing import Annotated

from pydantic import Field, ValidationError

from sleuth.bench.stored import MOST, Stored, first_fault
from sleuth.errors import UserError
from sleuth.files import read_text

MILLION = 1_000_000
Dollars = Annotated[float, Field(ge=0, le=MOST)]


class Price(Stored):
    """Of a model, in dollars for a million tokens."""

    prompt_usd: Dollars
    completion_usd: Dollars
    """Of new tokens, reasoning included."""

    def usd(self, prompt_tokens: int, new_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt_usd + new_tokens * self.completion_usd) / MILLION


class Prices(Stored):
    """A price file."""

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
        raise UserError(f"{path}: not a price file ({first_fault(error)}); see docs/how-to/benchmark.md") from None


def price_of(prices: Prices | None, model: str) -> DatedPrice | None:
    """The price of a model by the name it is asked for; None where the file does not name it."""
    if prices is None or model not in prices.models:
        return None
    return DatedPrice(date=prices.date, **prices.models[model].model_dump())
