"""What an SQL expression of a user may be made of: the reading of DuckDB's own parse, without DuckDB."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from scanmill.errors import SpecError

LONGEST = 50_000
MOST_BRACKETS = 200
"""A DuckDB parse of thousands of open brackets takes minutes: refused before it starts."""
MOST_NODES = 20_000
MOST_NAMED = 30
"""Columns in a message."""

CLASSES = frozenset(
    {"COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "BETWEEN", "CASE", "CAST", "TYPE", "OPERATOR", "FUNCTION"}
)
_FUNCTIONS = """
    + - * / // % ^ ** ~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape ilike_escape not_ilike_escape ^@
    regexp_matches regexp_full_match contains starts_with ends_with prefix suffix lower upper trim ltrim rtrim length
    substring substr left right strlen abs round floor ceil ceiling trunc sqrt ln log log10 log2 exp power pow sign
    isnan isfinite isinf greatest least nullif ifnull if year month day list_value list_contains list_has
    array_length len row
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Pure functions of a row whose result is no larger than what goes in: none reads a file, a setting or a clock."""

_TYPES = """
    BOOLEAN BOOL TINYINT SMALLINT INTEGER INT INT1 INT2 INT4 INT8 BIGINT LONG HUGEINT FLOAT REAL FLOAT4 DOUBLE FLOAT8
    DECIMAL NUMERIC VARCHAR TEXT STRING CHAR DATE TIMESTAMP DATETIME TIME
"""
TYPES = frozenset(_TYPES.split())
_SIGNS = re.compile(r"(?:[-+~!@]\s*){12,}")


def check_text(where: str) -> None:
    """Refuse what is no expression by its looks: empty, endless, deeply nested."""
    if not where.strip() or "\0" in where:
        raise SpecError("an SQL expression is wanted", got="nothing" if not where.strip() else "a NUL character")
    if len(where) > LONGEST:
        raise SpecError("the SQL expression is too long", expected=f"{LONGEST} characters at most", got=len(where))
    if sum(where.count(bracket) for bracket in "([{") > MOST_BRACKETS or _SIGNS.search(where):
        raise SpecError("the SQL expression is nested too deeply", expected=f"{MOST_BRACKETS} brackets at most")


def where_clause(parsed: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The condition of a parsed ``SELECT 1 FROM rows WHERE ...`` in which there is nothing else."""
    if parsed.get("error", True):
        if parsed.get("error_type") == "not implemented":
            raise refusal(where, "anything but one condition")
        raise SpecError("not an SQL expression", where=_shown(where), got=parsed.get("error_message"))
    statements = parsed["statements"]
    if len(statements) != 1:
        raise refusal(where, "more than one statement")
    node = statements[0]["node"]
    if node.get("type") != "SELECT_NODE":
        raise refusal(where, "more than one query")
    source = node["from_table"]
    extras = [word for word in ("group_expressions", "having", "qualify", "sample", "modifiers") if node.get(word)]
    if extras or node["cte_map"]["map"] or source["type"] != "BASE_TABLE" or source.get("sample"):
        raise refusal(where, "more than a condition")
    clause: Mapping[str, Any] | None = node["where_clause"]
    if clause is None:
        raise refusal(where, "no condition")
    return clause


def check_clause(clause: Mapping[str, Any], columns: Collection[str], where: str) -> None:
    """Refuse a condition with anything in it but columns, constants and the functions allowed."""
    for count, node in enumerate(_nodes(clause)):
        if count > MOST_NODES:
            raise refusal(where, "too many parts")
        kind = node["class"]
        if kind not in CLASSES or node["type"] == "GROUPING_FUNCTION":
            raise refusal(where, f"a {kind.lower().replace('_', ' ')}")
        if kind == "FUNCTION":
            _check_function(node, where)
        elif kind == "TYPE" and str(node["type_name"]).upper() not in TYPES:
            raise refusal(where, f"the type {node['type_name']!r}")
        elif kind == "COLUMN_REF":
            _check_column(node["column_names"], columns, where)


def same_clause(one: Any, other: Any) -> bool:
    """Whether two conditions are one but for where they stand in the text."""
    return bool(_placeless(one) == _placeless(other))


def refusal(where: str, what: str) -> SpecError:
    """The error for an expression that would do more than choose rows."""
    return SpecError(f"{what} is not allowed in an SQL condition", where=_shown(where))


def _shown(where: str) -> str:
    return where if len(where) <= 120 else where[:117] + "..."


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every parsed expression of the tree, without recursion: the tree is as deep as its author liked."""
    todo = [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, Mapping):
            if "class" in item:
                yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def _check_function(node: Mapping[str, Any], where: str) -> None:
    name = str(node["function_name"]).lower()
    qualified = node.get("schema") or node.get("catalog") or len(node.get("qualified_name", {}).get("path", [""])) > 1
    orders = node.get("order_bys") or {}
    if name not in FUNCTIONS or qualified:
        raise refusal(where, f"the function {name!r}")
    if node.get("filter") or node.get("distinct") or node.get("export_state") or orders.get("orders"):
        raise refusal(where, f"an aggregate of {name!r}")


def _check_column(names: list[str], columns: Collection[str], where: str) -> None:
    known = {column.lower() for column in columns}
    heads = {column.split(".")[0].lower() for column in columns if "." in column}
    if names[0].lower() in known or (len(names) > 1 and names[0].lower() in heads):
        return
    name = ".".join(names)
    near = difflib.get_close_matches(name, list(columns), n=1)
    do = f"is it {near[0]!r}?" if near else f"a text stands in single quotes: '{name}'"
    raise SpecError(f"column {name!r} is missing", where=_shown(where), expected=_some(columns), do=do)


def _some(columns: Collection[str]) -> str:
    """The names of columns, as many as can be read at a glance.

    >>> _some(["KVP", "Modality"])
    'KVP, Modality'
    """
    names = [*columns]
    left = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + left


def _placeless(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _placeless(value) for key, value in tree.items() if not key.startswith("query_location")}
    return [_placeless(value) for value in tree] if isinstance(tree, list) else tree
