"""The newest rows that a filter leaves, found quickly also where it leaves few and all are old.

Asked for the first fifty in the order of an index, PostgreSQL walks along that index until it has
met fifty that match. It expects matches to lie everywhere; where a campaign of last year is looked
for, it passes a million rows one by one. Here it walks a little way only. When that was not enough,
the matching rows are looked for in any way it likes (another index, all processors), then sorted.
"""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, Value
from django.db.models.functions import NullIf

#: rows that are walked through in some milliseconds
NEAR = 10_000


@dataclass(frozen=True, slots=True)
class Newest:
    """Rows in the order of a unique column of UUIDs; a slice is a list of `{key: value}`.

    Has the three methods of a QuerySet that cursor paging uses. `split`: rows whose key is this or
    greater hardly ever match, those below it mostly do; a wrong guess costs time, and no row.
    """

    rows: QuerySet[Any]
    key: str
    split: UUID | None = None
    #: a joined table's column that always equals the key: PostgreSQL does not see that what is said
    #: of one bounds the other
    twin: str = ""
    #: where a cursor stands, which the walk begins at
    place: dict[str, Any] = field(default_factory=dict)

    def order_by(self, name: str) -> "Newest":
        """By the key, or from the greatest on."""
        return replace(self, rows=self.rows.order_by(name))

    def filter(self, **place: Any) -> "Newest":
        """Those beyond a place of the list."""
        return replace(self, rows=self.rows.filter(**place), place={**self.place, **place})

    def __getitem__(self, part: slice) -> list[dict[str, Any]]:
        return [{self.key: value} for value in self.keys(part.start or 0, part.stop)]

    def keys(self, start: int, stop: int) -> list[Any]:
        """The keys from `start` until before `stop`."""
        if self.split is not None and self._descends and start == 0:
            return self._keys_around(self.split, stop)
        near = list(self._near().values_list(self.key, flat=True)[start:stop])
        return near if len(near) == stop - start else self._sorted(self.rows, start, stop)

    def _keys_around(self, split: UUID, count: int) -> list[Any]:
        above = self._sorted(self.rows.filter(**{f"{self.key}__gte": split}), 0, count)
        if len(above) == count:
            return above
        below = replace(self, split=None).filter(**{f"{self.key}__lt": split})
        return above + below.keys(0, count - len(above))

    @property
    def _descends(self) -> bool:
        return str(self.rows.query.order_by[0]).startswith("-")

    def _near(self) -> QuerySet[Any]:
        """Those of the rows that lie among the next few thousand of the table."""
        order = f"-{self.key}" if self._descends else self.key
        walked = self.rows.model._default_manager.filter(**self.place).order_by(order)
        end = list(walked.values_list(self.key, flat=True)[NEAR : NEAR + 1])
        beyond = "gt" if self._descends else "lt"
        columns = [column for column in (self.key, self.twin) if column]
        return self.rows.filter(**{f"{column}__{beyond}": end[0] for column in columns if end})

    def _sorted(self, rows: QuerySet[Any], start: int, stop: int) -> list[Any]:
        """By an expression with the key's value, which is no index's."""
        order = NullIf(F(self.key), Value(UUID(int=0)))
        rows = rows.order_by(order.desc() if self._descends else order.asc())
        return list(rows.values_list(self.key, flat=True)[start:stop])
