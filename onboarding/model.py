"""The one base of every value: frozen, strict about names, plain JSON in and out."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable domain value. Unknown fields are an error, so a typo can never be stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """The plain JSON document that goes into state, ledger and wire."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read back what :meth:`to_json` wrote. Raises ``pydantic.ValidationError``."""
        return cls.model_validate(document)
