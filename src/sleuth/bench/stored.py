"""What result files and price files are made of: models that refuse unknown keys, and numbers that can be reckoned
with, however strange the file is."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST = 10**9
"""Of one completion, or one setting: more tokens, or seconds, than there can be."""

Count = Annotated[int, Field(ge=0, le=MOST)]
"""Of one completion."""
Total = Annotated[int, Field(ge=0, le=MOST**2)]
"""Of all completions."""
Seconds = Annotated[float, Field(ge=0, le=MOST)]
"""Of one completion."""
Fraction = Annotated[float, Field(ge=0, le=1)]
"""A share, or a probability."""


class Stored(BaseModel):
    """What all parts have in common: keys that are not known are refused, and NaN is."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def first_fault(error: ValidationError) -> str:
    """Where the first thing is that is wrong with some data, and what it is."""
    found: Any = error.errors()[0]
    return f"{'.'.join(map(str, found['loc'])) or 'file'}: {found['msg']}"
