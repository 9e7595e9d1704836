"""What a model costs, as data: a table of prices per million tokens, read strictly."""

import tomllib
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from onboarding.errors import BadInput
from onboarding.model import Value

DEFAULT_FILE: Final = Path(__file__).with_name("prices.toml")
MILLION: Final = Decimal(1_000_000)
SMALLEST: Final = Decimal("0.000001")

Price = Annotated[Decimal, Field(ge=0, le=100_000)]


class BadPriceFile(BadInput):
    """The model price file is not valid."""

    code = "bad_price_file"


class ModelPrice(Value):
    """``input`` and ``output`` per million tokens; ``temperature`` False: the model takes none."""

    input: Price
    output: Price
    temperature: bool = True

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal:
        """What one call costs, to a millionth of the currency's unit."""
        return ((self.input * input_tokens + self.output * output_tokens) / MILLION).quantize(SMALLEST)


class Prices(Value):
    """``models`` maps name patterns (``*`` stands for anything) to prices."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    models: dict[str, ModelPrice]

    def of(self, model: str) -> ModelPrice:
        """The price of ``model`` by the longest pattern that fits; free when the table says nothing of it."""
        fitting = [pattern for pattern in self.models if fnmatchcase(model, pattern)]
        return self.models[max(fitting, key=len)] if fitting else ModelPrice(input=Decimal(0), output=Decimal(0))

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Prices":
        """Read a price file; the product's own when ``path`` is None. Raises BadPriceFile naming what is wrong."""
        file = Path(path or DEFAULT_FILE)
        try:
            return cls.model_validate(tomllib.loads(file.read_text("utf-8"), parse_float=Decimal))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadPriceFile(f"{file.name}: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadPriceFile(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
