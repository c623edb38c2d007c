"""Data extensions: rows to read and write, and columns (manual: "DataExtensionObject",
"DataExtensionField")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .messages import client_element, fits_xml, pairs, text

FIELD_PROPERTIES = ("Name", "FieldType", "MaxLength", "IsPrimaryKey", "IsRequired")
# Inserts the row where there is none with that primary key, else updates it. A public SDK and the
# manual's samples name the object type as the property.
_UPSERT = {
    "SaveOptions": {
        "SaveOption": [{"PropertyName": "DataExtensionObject", "SaveAction": "UpdateAdd"}]
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRow:
    """Columns of one row of a data extension, which `customer_key` names. `key` is the name and
    value of its primary key; columns that are not given keep their values."""

    customer_key: str
    key: tuple[str, str] = field(repr=False)
    values: tuple[tuple[str, str], ...] = field(repr=False)
    client_mid: int | None = None

    @property
    def fits_xml(self) -> bool:
        """Whether XML 1.0 can carry all values."""
        return fits_xml((self.customer_key, *(one for pair in self._columns for one in pair)))

    @property
    def _columns(self) -> tuple[tuple[str, str], ...]:
        return (self.key, *self.values)

    def as_element(self) -> dict[str, Any]:
        """Return the row as zeep takes it. The key is among the properties, too: an insert takes
        its columns from there."""
        return client_element(self.client_mid) | {
            "CustomerKey": self.customer_key,
            "Properties": {"Property": pairs(self._columns)},
            "Keys": {"Key": pairs([self.key])},
        }

    @staticmethod
    def options() -> dict[str, Any]:
        """Return the options of the message that writes such rows."""
        return _UPSERT


@dataclass(frozen=True, slots=True, kw_only=True)
class DataColumn:
    """A column of a data extension. `data_type` is the vendor's: Text, Number, Date, Boolean,
    EmailAddress, Phone, Decimal or Locale."""

    name: str
    data_type: str
    max_length: int | None
    is_primary_key: bool
    is_required: bool


def row_type(customer_key: str) -> str:
    """Return the object type by which the rows of a data extension are retrieved."""
    return f"DataExtensionObject[{customer_key}]"


def read_values(row: Any) -> Mapping[str, str]:
    """Convert a row to its values by column; "" for no value. Raises AttributeError for another
    object."""
    properties = row.Properties.Property if row.Properties else ()
    return {
        str(one.Name): str(one.Value or "")
        for one in properties or ()
        if one is not None and text(one.Name)
    }


def read_column(row: Any) -> DataColumn:
    """Convert a column. Raises AttributeError or ValueError without a name."""
    name = text(row.Name)
    if not name:
        raise ValueError("a column without a name")
    return DataColumn(
        name=name,
        data_type=text(row.FieldType),
        max_length=row.MaxLength or None,
        is_primary_key=bool(row.IsPrimaryKey),
        is_required=bool(row.IsRequired),
    )
