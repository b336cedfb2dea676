"""The columns of the run table. Those that came later are nullable or have a default.

So an older store is brought up to date by adding them. The table of an earlier version has no
defaults of its own, so they are given twice.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sql


def storable(text: str) -> str:
    """Return a text in which bytes of a name that are no text, and NUL, stand as escapes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", r"\x00")


class Text(sql.TypeDecorator[str]):
    """Text of any length; bytes that are no text, and NUL, are written as escapes."""

    impl = sql.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        """Return what is stored of a value."""
        return value and storable(value)


class Tags(sql.TypeDecorator[tuple[str, ...]]):
    """Tags, one a line between line breaks, so that a search finds each of them whole."""

    impl = sql.Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: object) -> str | None:
        """Return what is stored of tags."""
        return storable("\n".join(["", *value, ""])) if value else None

    def process_result_value(self, value: Any, dialect: object) -> Any:  # noqa: ANN401 - damaged
        """Return the tags; what is no text stands as it is, for the row to say."""
        if value is None:
            return ()
        return tuple(value.split("\n")[1:-1]) if isinstance(value, str) else value


metadata = sql.MetaData()
runs = sql.Table(
    "runs",
    metadata,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("task", sql.String(32), nullable=False, index=True),
    sql.Column("title", Text, nullable=False),
    sql.Column("config", sql.JSON, nullable=False),
    sql.Column("status", sql.String(16), nullable=False, index=True),
    sql.Column("created", sql.Double, nullable=False, index=True),  # times: seconds since 1970
    sql.Column("started", sql.Double),
    sql.Column("finished", sql.Double),
    sql.Column("heartbeat", sql.Double),
    sql.Column("done", sql.BigInteger, nullable=False, default=0, server_default="0"),
    sql.Column("total", sql.BigInteger, nullable=False, default=0, server_default="0"),
    sql.Column("message", Text, nullable=False, default="", server_default=""),
    sql.Column("metrics", sql.JSON, nullable=False, default=dict, server_default="{}"),
    sql.Column("summary", sql.JSON(none_as_null=True)),
    sql.Column("error", Text),
    sql.Column("traceback", Text),  # for developers; no page shows it
    sql.Column("key", sql.String(32), index=True),
    sql.Column("parent", sql.String(32), index=True),
    sql.Column("answered_by", sql.String(32), index=True),
    sql.Column("data", sql.String(32)),  # fingerprint of the data that the question is about
    sql.Column("pid", sql.Integer),
    sql.Column("host", Text),
    # How many processes were started for it.
    sql.Column("attempts", sql.Integer, nullable=False, default=0, server_default="0"),
    sql.Column("cancel_requested", sql.Double),
    sql.Column("versions", sql.JSON, nullable=False, default=dict, server_default="{}"),
    sql.Column("name", Text),
    sql.Column("note", Text),
    sql.Column("tags", Tags),
    sql.Column("result", Text),
    sql.Column("home", Text),  # the folder beside which its own lies, as `host` calls it
    sql.Column("owner", Text),
)
form = sql.Table("store", metadata, sql.Column("schema", sql.Integer, nullable=False))
