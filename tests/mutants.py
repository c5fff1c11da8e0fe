"""The mutants of a module: each is the module with one point changed that a number or a decision hangs on.

Cosmic Ray finds and makes them. Of its operators those are taken that leave a program that still runs, as ``<`` for
``<=``; ``<<`` for ``*`` only adds type errors that every test catches, and would flatter the score. Two operators of
our own add what the others lack: a statement is left out; a function is taken for its neighbour, or one side of equal
values for the other. Texts, types, decorators and the wording of errors are not mutated.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider
from parso.python.tree import Keyword

if TYPE_CHECKING:
    from collections.abc import Iterator

NEIGHBOURS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("floor", "ceil"),
    ("any", "all"),
    ("logical_or", "logical_and"),
    ("zeros", "ones"),
    ("stdev", "pstdev"),
    ("fmean", "median"),
    ("expm1", "exp"),
    ("log1p", "log"),
    ("sorted", "list"),
    ('"left"', '"right"'),
)
"""Functions, and the sides of `numpy.searchsorted`, that are easily taken for each other."""

BOTH_WAYS = {**dict(NEIGHBOURS), **{second: first for first, second in NEIGHBOURS}}
OF_COSMIC_RAY = (
    "NumberReplacer",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "ZeroIterationForLoop",
    *(f"ReplaceUnaryOperator_Delete_{sign}" for sign in ("USub", "Not", "Invert")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Pow_Mul")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("FloorDiv_Div", "Mod_FloorDiv", "BitAnd_BitOr", "BitOr_BitAnd")),
)
NO_NUMBERS = {"decorator", "fstring", "raise_stmt", "tfpdef", "import_from"}
"""Kinds of nodes within which nothing is mutated: `tfpdef` is a parameter with its type."""

NO_OPERATORS = {"parameters", "param", "lambdef", "dictorsetmaker"}
"""Kinds of nodes in which a star, or a slash, is no operator."""

GUARDS = {"strict", "copy", "frozen", "kw_only", "initial"}
"""Keyword arguments that are a promise about the caller, save time, or stand for no values: no number hangs on them."""


class LeaveOut(Operator):  # type: ignore[misc]  # Cosmic Ray publishes no types
    """A statement that is there for what it does, a call or a change in place, becomes ``pass``."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Where ``node`` is such a statement."""
        if node.type != "simple_stmt":
            return
        statement = node.children[0]
        call = statement.type in {"atom_expr", "power"} and statement.children[-1].get_code().startswith("(")
        sign = statement.children[1].get_code().strip() if statement.type == "expr_stmt" else ""
        in_place = sign == "=" and statement.children[0].type in {"atom_expr", "power"}
        if call or in_place or (sign.endswith("=") and sign != "="):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002  # Cosmic Ray's signature
        """The statement ``node``, left out."""
        first = node.get_first_leaf()
        node.children[0] = Keyword("pass", first.start_pos, prefix=first.prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """None: those are for Cosmic Ray's own tests."""
        return ()


class TakeNeighbour(Operator):  # type: ignore[misc]
    """A function, or a side of `numpy.searchsorted`, becomes the one that it is easily taken for."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Where ``node`` is the name of such a function, which is called, or such a side."""
        if node.type in {"name", "string"} and node.value in BOTH_WAYS:
            following = node.get_next_leaf()
            if node.type == "string" or (following is not None and following.value in {"(", "."}):
                yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002  # Cosmic Ray's signature
        """The name ``node``, exchanged."""
        node.value = BOTH_WAYS[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """None: those are for Cosmic Ray's own tests."""
        return ()


OPERATORS: dict[str, Any] = {name: OperatorProvider()[name]() for name in OF_COSMIC_RAY}
OPERATORS |= {"LeaveOut": LeaveOut(), "TakeNeighbour": TakeNeighbour()}


@dataclass(frozen=True, order=True)
class Mutant:
    """One change to ``module`` (a path in dircli/): the ``occurrence``-th place at which ``operator`` applies.

    It lies on a ``line``, from 1, of a ``function``, which is "" outside all of them.
    Mutants are ordered by ``rank``, a hash of the seed, the text of the line and what is done to it. The first N are a
    random sample, and it stays the same, but for lines that were edited, when the source changes.
    """

    rank: str
    module: str
    operator: str
    occurrence: int
    line: int
    function: str

    def applied(self, source: str) -> str | None:
        """``source`` with the change; None where that is no program."""
        try:
            changed = str(mutate_code(source, OPERATORS[self.operator], self.occurrence))
            compile(changed, self.module, "exec")
        except (SyntaxError, AttributeError):  # Cosmic Ray takes an exception with a dot in its name for one without
            return None
        return changed


def of_module(module: str, source: str, seed: int) -> Iterator[Mutant]:
    """The mutants of ``module``, whose text is ``source``."""
    lines = source.splitlines()
    nodes = [node for node in ast_nodes(get_ast(source)) if node.type not in {"endmarker", "newline"}]
    for name, operator in OPERATORS.items():
        seen: Counter[str] = Counter()
        occurrence = -1
        for node in nodes:
            for (line, _), _ in operator.mutation_positions(node):
                occurrence += 1
                if _mutable(node):
                    seen[lines[line - 1]] += 1
                    text = f"{seed} {module} {name} {seen[lines[line - 1]]} {lines[line - 1].strip()}"
                    rank, function = hashlib.sha256(text.encode()).hexdigest(), ASTQuery(node).get_definition_name()
                    yield Mutant(rank, module, name, occurrence, line, function or "")


def _mutable(node: Any) -> bool:
    """Whether a number or a decision may hang on ``node``: not on a type, a text, a guard, or the words of an error."""
    if node.type == "operator" and node.parent.type in NO_OPERATORS:
        return False
    child, parent = node, node
    while parent is not None:
        named = parent.type == "argument" and parent.children[0].get_code().strip() in GUARDS
        returned = parent.type == "funcdef" and child is parent.annotation
        is_type = parent.type == "annassign" and child is parent.children[1]
        checking = parent.type == "if_stmt" and parent.children[1].get_code().strip() == "TYPE_CHECKING"
        if parent.type in NO_NUMBERS or named or is_type or checking or returned:
            return False
        child, parent = parent, parent.parent
    return True


def difference(before: str, after: str) -> tuple[str, str]:
    """The lines that were and that are, without their indentation."""
    lines = [*difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")][3:]
    old, new = ("\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return old, new
