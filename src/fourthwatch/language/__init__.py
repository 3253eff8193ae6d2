"""Text to checked expression: the one language of features, rule conditions and filters.

The room knows nothing of events or features. It is given a `Schema` of what can be named, and gives back a checked tree
and a closure over its inputs:

>>> shop = Schema(fields={"amount": "number"}, events={"order": {"amount": "number"}}, entities=frozenset({"ip"}))
>>> compiled = compile_expression(read("amount > 20000 and count(order, by ip, last 1h) >= 3", shop, "truth"))
>>> [type(one).__name__ for one in compiled.inputs]
['FieldInput', 'AggregateInput']
>>> compiled.run([25_000, 3]), compiled.run([25_000, None]), compiled.run([1, None])
(True, None, False)
"""

from fourthwatch.language.aggregates import FORM_OF, FORMS, Form
from fourthwatch.language.canonical import duration_text, format_expression, from_json, to_json
from fourthwatch.language.check import Checked, Cost, check, read
from fourthwatch.language.closures import Run
from fourthwatch.language.diagnose import Diagnostic, LanguageError, did_you_mean, render
from fourthwatch.language.evaluate import (
    AggregateInput,
    Compiled,
    FieldInput,
    Input,
    ListInput,
    NameInput,
    compile_at,
    compile_expression,
    compile_filter,
    inputs_of,
)
from fourthwatch.language.functions import FUNCTIONS, NUMERIC, Function, Parameter, Type
from fourthwatch.language.operators import Value
from fourthwatch.language.parse import parse
from fourthwatch.language.schema import Schema
from fourthwatch.language.tree import (
    Aggregate,
    Call,
    EntityName,
    EventName,
    Events,
    Expression,
    Name,
    children,
    without_places,
)

__all__ = [
    "FORMS",
    "FORM_OF",
    "FUNCTIONS",
    "NUMERIC",
    "Aggregate",
    "AggregateInput",
    "Call",
    "Checked",
    "Compiled",
    "Cost",
    "Diagnostic",
    "EntityName",
    "EventName",
    "Events",
    "Expression",
    "FieldInput",
    "Form",
    "Function",
    "Input",
    "LanguageError",
    "ListInput",
    "Name",
    "NameInput",
    "Parameter",
    "Run",
    "Schema",
    "Type",
    "Value",
    "check",
    "children",
    "compile_at",
    "compile_expression",
    "compile_filter",
    "did_you_mean",
    "duration_text",
    "format_expression",
    "from_json",
    "inputs_of",
    "parse",
    "read",
    "render",
    "to_json",
    "without_places",
]
