"""The plan of the house, held by reading the source: rooms, floors, what is kept in one room, names, sizes, docstrings.

Each rule is also shown to be able to fail, on a small invented module that breaks it.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "fourthwatch"
ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / PACKAGE
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(rooms.split())
    for rooms in (
        "clock limits errors",
        "settings metrics logs",
        "events",
        "wire entities language",
        "features",
        "rules model",
        "decision",
        "store",
        "engine",
        "api console webhooks workbench",
        "server",
        "cli",
    )
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

NOWHERE: frozenset[str] = frozenset()
LIBRARY_ROOMS: dict[str, frozenset[str]] = {
    "aiohttp": NOWHERE,
    "apsw": frozenset({"store"}),
    "argon2": frozenset({"console"}),
    "click": frozenset({"cli"}),
    "cryptography": frozenset({"server", "store"}),
    "ctypes": frozenset({"model"}),
    "disposable_email_domains": frozenset({"entities"}),
    "h11": frozenset({"webhooks"}),
    "http": frozenset({"webhooks", "workbench"}),
    "httptools": frozenset({"api"}),
    "httpx": frozenset({"webhooks"}),
    "lightgbm": frozenset({"workbench"}),
    "jinja2": frozenset({"api", "console"}),
    "markupsafe": frozenset({"console"}),
    "marshal": NOWHERE,
    "numpy": frozenset({"workbench"}),
    "phonenumbers": frozenset({"entities"}),
    "pickle": NOWHERE,
    "prometheus_client": frozenset({"metrics"}),
    "duckdb": frozenset({"workbench"}),
    "publicsuffixlist": frozenset({"entities"}),
    "pyotp": frozenset({"console"}),
    "requests": NOWHERE,
    "segno": frozenset({"console"}),
    "re2": frozenset({"language"}),
    "shelve": NOWHERE,
    "sklearn": frozenset({"workbench"}),
    "sqlite3": NOWHERE,
    "starlette": frozenset({"api", "console"}),
    "structlog": frozenset({"logs"}),
    "subprocess": frozenset({"cli", "model"}),
    "time": frozenset({"clock"}),
    "tzdata": frozenset({"entities"}),
    "urllib.request": NOWHERE,
    "uvicorn": frozenset({"api", "server"}),
    "uvloop": frozenset({"server"}),
    "zoneinfo": frozenset({"entities"}),
}
"""Libraries that only some rooms may import; the rest is free."""
ASYNC_ROOMS = frozenset({"api", "console", "webhooks", "server"})
SOCKET_ROOMS = frozenset({"api", "server", "webhooks", "workbench"})
SOCKET_CALLS = frozenset(
    {
        "socket.socket",
        "socket.socketpair",
        "socket.create_connection",
        "socket.create_server",
        "socket.getaddrinfo",
        "asyncio.open_connection",
        "asyncio.start_server",
    }
)
NOW_CALLS = frozenset({"now", "utcnow", "today"})
SQL_STARTS = (
    "SELECT ", "INSERT INTO ", "INSERT OR ", "UPDATE ", "DELETE FROM ", "CREATE TABLE", "CREATE INDEX", "DROP ",
    "PRAGMA ", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "VACUUM",
)  # fmt: skip
BROAD_CATCHES = frozenset(
    {
        ("api/intake.py", "settle"),
        ("api/intake.py", "_read_all"),
        ("api/shortcut.py", "_guarded"),
        ("engine/corridor.py", "_turn"),
        ("engine/corridor.py", "_walk_some"),
        ("engine/corridor.py", "_take_edit"),
        ("engine/corridor.py", "_commit"),
        ("engine/corridor.py", "_committed"),
        ("engine/leaving_out.py", "leaving_out"),
        ("server/tending.py", "tended"),
        ("webhooks/sender.py", "_attempt"),
        ("model/predictors.py", "__init__"),
        ("model/predictors.py", "margin"),
        ("workbench/sender.py", "_work"),
    }
)
"""Where `except Exception` is right: a thread's last words, a library that names its errors nowhere, and a fault in one
event, or in one thing that follows from it, that must not stop all others."""
FORBIDDEN_NAMES = frozenset({"utils", "helpers", "common", "manager", "service", "base", "data", "info", "misc"})
FORBIDDEN_PREFIXES = ("process_", "handle_")
LINES_MAX = 400
FUNCTION_LINES_MAX = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    """One file of the package."""

    path: str
    """Below the package, with slashes: `store/ledger.py`."""
    tree: ast.Module
    lines: int

    @property
    def room(self) -> str:
        if self.path == "__main__.py":
            return "cli"
        return "" if self.path == "__init__.py" else self.path.split("/")[0].removesuffix(".py")


Found = Iterator[tuple[ast.AST | None, str]]
Rule = Callable[[Module], Found]


def violations(path: str, source: str) -> list[str]:
    """Everything that a file does against the plan, as `path:line: what`."""
    module = Module(path, ast.parse(source), len(source.splitlines()))
    return [f"{path}:{getattr(node, 'lineno', 1)}: {what}" for rule in RULES for node, what in rule(module)]


def belongs_to_a_room(module: Module) -> Found:
    if module.room and module.room not in FLOOR_OF:
        yield None, f"{module.room} is not a room of the plan"


def imports_go_down(module: Module) -> Found:
    floor = FLOOR_OF.get(module.room, -1)
    for node, name in _imports(module.tree):
        head, _, rest = name.partition(".")
        if head == "":
            yield node, "imports are absolute"
        elif head == PACKAGE:
            room = rest.partition(".")[0]
            if room not in ("", "__version__", module.room) and FLOOR_OF.get(room, len(FLOORS)) >= floor:
                yield node, f"{module.room or 'the package itself'} may not import {room}: imports go down only"


def libraries_stay_in_their_rooms(module: Module) -> Found:
    for node, name in _imports(module.tree):
        for library, rooms in LIBRARY_ROOMS.items():
            if (name == library or name.startswith(library + ".")) and module.room not in rooms:
                yield node, f"{library} is for {', '.join(sorted(rooms)) or 'nobody'}, not for {module.room}"


def sql_is_in_the_store(module: Module) -> Found:
    if module.room == "store":
        return
    spoken = _docstrings(module.tree)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            text = node.value.lstrip()
            if text.startswith(SQL_STARTS):
                yield node, "SQL is for the store"


def time_is_in_the_clock(module: Module) -> Found:
    if module.room == "clock":
        return
    for node, name in _calls(module.tree):
        owner, _, attribute = name.rpartition(".")
        if attribute in NOW_CALLS and owner.split(".")[-1] in ("datetime", "date"):
            yield node, f"{name}() is for the clock"


def environment_is_in_settings(module: Module) -> Found:
    if module.room == "settings":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb"):
            yield node, "the environment is for the settings"
    for node, name in _imports(module.tree):
        if name in ("os.environ", "os.getenv"):
            yield node, "the environment is for the settings"


def standard_output_is_for_the_command_line(module: Module) -> Found:
    if module.room == "cli" or module.path == "server/index_process.py":  # the pipe to the server that started it
        return
    for node, name in _calls(module.tree):
        if name == "print":
            yield node, "print is for the command line"
    for attribute in ast.walk(module.tree):
        if isinstance(attribute, ast.Attribute) and ast.unparse(attribute) in ("sys.stdout", "sys.__stdout__"):
            yield attribute, "standard output is for the command line"


def async_is_where_the_world_is_touched(module: Module) -> Found:
    if module.room in ASYNC_ROOMS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield node, f"async def {node.name}: only in {', '.join(sorted(ASYNC_ROOMS))}"


def sockets_are_where_the_world_is_touched(module: Module) -> Found:
    if module.room in SOCKET_ROOMS:
        return
    for node, name in _calls(module.tree):
        if name in SOCKET_CALLS:
            yield node, f"{name} is for {', '.join(sorted(SOCKET_ROOMS))}"


def nothing_is_evaluated(module: Module) -> Found:
    for node, name in _calls(module.tree):
        if name in ("eval", "exec", "__import__"):
            yield node, f"{name} is for nobody"


def whoever_is_cancelled_ends(module: Module) -> Found:
    for node, name in _calls(module.tree):
        if name == "asyncio.wait_for":
            yield node, "asyncio.wait_for goes on when it is cancelled just as what it waits for comes: asyncio.timeout"


def catches_are_narrow(module: Module) -> Found:
    for where, handler in _handlers(module.tree):
        caught = handler.type
        names = [ast.unparse(one) for one in (caught.elts if isinstance(caught, ast.Tuple) else [caught]) if one]
        if caught is None or "BaseException" in names:
            yield handler, "a bare except or BaseException is for nobody"
        elif "Exception" in names and (module.path, where) not in BROAD_CATCHES:
            yield handler, f"except Exception in {where} is not on the list of places where that is right"


def names_say_something(module: Module) -> Found:
    for part in module.path.removesuffix(".py").split("/"):
        if part in FORBIDDEN_NAMES:
            yield None, f"{part} says nothing as a name"
    for node in ast.walk(module.tree):
        if isinstance(node, Function) and node.name.lstrip("_").startswith(FORBIDDEN_PREFIXES):
            yield node, f"{node.name} says nothing as a name"


def sizes_are_bounded(module: Module) -> Found:
    if module.lines > LINES_MAX:
        yield None, f"{module.lines} lines; a module has up to {LINES_MAX}"
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node, f"{node.name} has {lines} lines; a function has up to {FUNCTION_LINES_MAX}"


def everything_public_is_explained(module: Module) -> Found:
    """Modules, public classes and functions; of methods those that the signature and one statement do not explain.

    A method of a class with a parent is explained by the parent, an error by its name and its place in the drawn tree.
    """
    if ast.get_docstring(module.tree) is None:
        yield None, "a module says in its docstring what it is for"
    for node in module.tree.body:
        if isinstance(node, Function) and _needs_docstring(node):
            yield node, f"{node.name} needs a docstring"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None and not (module.room == "errors" and _is_plain_error(node)):
                yield node, f"{node.name} needs a docstring"
            if all(ast.unparse(parent).split(".")[-1] in ("Struct", "Protocol", "NamedTuple") for parent in node.bases):
                for method in node.body:
                    if isinstance(method, Function) and _needs_docstring(method) and len(method.body) > 1:
                        yield method, f"{node.name}.{method.name} needs a docstring"


RULES: tuple[Rule, ...] = (
    belongs_to_a_room,
    imports_go_down,
    libraries_stay_in_their_rooms,
    sql_is_in_the_store,
    time_is_in_the_clock,
    environment_is_in_settings,
    standard_output_is_for_the_command_line,
    async_is_where_the_world_is_touched,
    sockets_are_where_the_world_is_touched,
    nothing_is_evaluated,
    whoever_is_cancelled_ends,
    catches_are_narrow,
    names_say_something,
    sizes_are_bounded,
    everything_public_is_explained,
)


def _imports(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Each imported module or name with its full dotted name; relative ones begin with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, f"{'.' * node.level}{node.module or ''}.{alias.name}"


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node, ast.unparse(node.func)


def _handlers(tree: ast.AST, where: str = "") -> Iterator[tuple[str, ast.ExceptHandler]]:
    """Each except clause with the function that it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ExceptHandler):
            yield where, node
        yield from _handlers(node, node.name if isinstance(node, Function) else where)


def _docstrings(tree: ast.AST) -> set[int]:
    """Texts that stand alone as statements: docstrings of modules, functions and attributes."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _needs_docstring(node: Function) -> bool:
    return not node.name.startswith("_") and ast.get_docstring(node) is None


def _is_plain_error(node: ast.ClassDef) -> bool:
    return bool(node.bases) and all(isinstance(statement, ast.Assign) for statement in node.body)


MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES)
def test_every_module_keeps_to_the_plan(path: str) -> None:
    assert not violations(path, (SOURCE / path).read_text(encoding="utf-8"))


def test_the_whole_package_was_read() -> None:
    assert len(MODULES) >= 75
    rooms = {Module(path, ast.parse(""), 0).room for path in MODULES} - {""}
    assert rooms == FLOOR_OF.keys()


def test_no_broad_catch_is_excused_that_is_not_there() -> None:
    there = {
        (path, where)
        for path in MODULES
        for where, handler in _handlers(ast.parse((SOURCE / path).read_text(encoding="utf-8")))
        if handler.type is not None and ast.unparse(handler.type) == "Exception"
    }
    assert there == BROAD_CATCHES


DOC = '"""What this is for."""\n'
BROKEN: dict[str, tuple[Rule, str, str]] = {
    "a room nobody planned": (belongs_to_a_room, "cellar/wine.py", DOC),
    "the store importing the engine": (
        imports_go_down, "store/ledger.py", DOC + "from fourthwatch.engine.walk import Walk\n",
    ),
    "wire importing its neighbour": (
        imports_go_down, "wire/decode.py", DOC + "import fourthwatch.entities.keys\n",
    ),
    "an import inside a function": (
        imports_go_down, "events/kinds.py", DOC + "def _late() -> None:\n    from fourthwatch import features\n",
    ),
    "an import for types only": (
        imports_go_down, "rules/scorecard.py", DOC + "if TYPE_CHECKING:\n    from fourthwatch.model import Tree\n",
    ),
    "an import of a room that is not": (imports_go_down, "cli/main.py", DOC + "import fourthwatch.cellar\n"),
    "a relative import": (imports_go_down, "store/ledger.py", DOC + "from .file import open_file\n"),
    "the package importing a room": (imports_go_down, "__init__.py", DOC + "from fourthwatch import errors\n"),
    "a driver outside the store": (libraries_stay_in_their_rooms, "engine/walk.py", DOC + "import apsw\n"),
    "the unsafe SQLite": (libraries_stay_in_their_rooms, "store/file.py", DOC + "import sqlite3\n"),
    "uvicorn in the console": (
        libraries_stay_in_their_rooms, "console/pages.py", DOC + "from uvicorn.config import Config\n",
    ),
    "an HTTP client in the API": (libraries_stay_in_their_rooms, "api/neo.py", DOC + "import http.client\n"),
    "another HTTP client": (
        libraries_stay_in_their_rooms, "engine/walk.py", DOC + "from urllib.request import urlopen\n",
    ),
    "time in the engine": (
        libraries_stay_in_their_rooms, "engine/walk.py", DOC + "from time import monotonic\n",
    ),
    "SQL in the API": (sql_is_in_the_store, "api/neo.py", DOC + "_S = 'SELECT seq FROM event'\n"),
    "formatted SQL in the API": (sql_is_in_the_store, "api/neo.py", DOC + "_S = f'DELETE FROM {1}'\n"),
    "now in a feature": (
        time_is_in_the_clock, "features/catalogue.py", DOC + "from datetime import datetime\n_N = datetime.now()\n",
    ),
    "today in wire": (time_is_in_the_clock, "wire/times.py", DOC + "import datetime\n_N = datetime.date.today()\n"),
    "the environment in the server": (
        environment_is_in_settings, "server/serve.py", DOC + "import os\n_H = os.environ['HOME']\n",
    ),
    "the environment by name": (environment_is_in_settings, "server/serve.py", DOC + "from os import getenv\n"),
    "print in the engine": (standard_output_is_for_the_command_line, "engine/walk.py", DOC + "print('here')\n"),
    "standard output in logs": (
        standard_output_is_for_the_command_line, "logs.py", DOC + "import sys\nsys.stdout.write('here')\n",
    ),
    "async in the engine": (
        async_is_where_the_world_is_touched, "engine/walk.py", DOC + "async def _run() -> None: ...\n",
    ),
    "a socket in an entity": (
        sockets_are_where_the_world_is_touched, "entities/network.py", DOC + "import socket\n_S = socket.socket()\n",
    ),
    "a name looked up in a feature": (
        sockets_are_where_the_world_is_touched, "features/catalogue.py",
        DOC + "import socket\n_S = socket.getaddrinfo('example.com', 80)\n",
    ),
    "wait_for": (
        whoever_is_cancelled_ends, "server/serve.py",
        DOC + "import asyncio\n\n\nasync def _run() -> None:\n    await asyncio.wait_for(_run(), 1)\n",
    ),
    "eval in the language": (nothing_is_evaluated, "language/compile.py", DOC + "_V = eval('1')\n"),
    "catching everything": (catches_are_narrow, "api/app.py", DOC + "try:\n    pass\nexcept:\n    pass\n"),
    "catching BaseException": (
        catches_are_narrow, "engine/corridor.py",
        DOC + "def _turn() -> None:\n    try:\n        pass\n    except BaseException:\n        raise\n",
    ),
    "catching Exception among others": (
        catches_are_narrow, "store/ledger.py",
        DOC + "def _f() -> None:\n    try:\n        pass\n    except (OSError, Exception):\n        raise\n",
    ),
    "catching Exception in another function of the file": (
        catches_are_narrow, "engine/corridor.py",
        DOC + "def _stop() -> None:\n    try:\n        pass\n    except Exception:\n        raise\n",
    ),
    "a file that says nothing": (names_say_something, "store/utils.py", DOC),
    "a function that says nothing": (
        names_say_something, "engine/walk.py", DOC + "def _process_event() -> None: ...\n",
    ),
    "a module too long": (sizes_are_bounded, "engine/walk.py", DOC + "_A = 1\n" * LINES_MAX),
    "a function too long": (
        sizes_are_bounded, "engine/walk.py", DOC + "def _f() -> None:\n" + "    pass\n" * FUNCTION_LINES_MAX,
    ),
    "a module that says nothing": (everything_public_is_explained, "engine/walk.py", "_A = 1\n"),
    "a function nobody explains": (everything_public_is_explained, "engine/walk.py", DOC + "def f() -> None: ...\n"),
    "a class nobody explains": (everything_public_is_explained, "engine/walk.py", DOC + "class Walk: ...\n"),
    "a method nobody explains": (
        everything_public_is_explained, "engine/walk.py",
        DOC + "class Walk:\n    '''It.'''\n    def f(self) -> int:\n        a = 1\n        return a\n",
    ),
    "an error with more in it than its name": (
        everything_public_is_explained, "errors.py", DOC + "class Odd(Exception):\n    def f(self) -> int: ...\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_the_rule_notices(name: str) -> None:
    rule, path, source = BROKEN[name]
    found = list(rule(Module(path, ast.parse(source), len(source.splitlines()))))
    assert len(found) == 1


def test_every_rule_is_shown_to_be_able_to_fail() -> None:
    assert {rule for rule, _, _ in BROKEN.values()} == set(RULES)


def test_what_keeps_to_the_plan_is_left_alone() -> None:
    source = DOC + (
        "import datetime\nfrom fourthwatch.store.ledger import Ledger\n"
        "class Walk:\n    '''One.'''\n    def last(self) -> int:\n        return 1\n"
        "def _quiet(ledger: Ledger) -> None:\n    'SELECT is said here, and no more'\n"
        "    try:\n        datetime.datetime.fromisoformat('x')\n    except (ValueError, OSError):\n        raise\n"
    )
    assert violations("engine/walk.py", source) == []


TEST_ROOMS = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.glob("test_*.py"))}


def test_tests_mirror_the_rooms() -> None:
    assert TEST_ROOMS - {"contract", "faults", "fuzz"} <= FLOOR_OF.keys()


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest imports each by its bare name: with two of a name nothing at all is collected, in a whole run alone."""
    paths = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "tests").rglob("conftest.py")]
    assert len(paths) > 200
    by_name = Counter(path.name for path in paths)
    assert [path for path in paths if by_name[path.name] > 1] == []


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.name)
def test_no_test_is_skipped_sleeps_or_mocks(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {name for _, name in _imports(tree)}
    assert not {name for name in imported if name.startswith(("unittest.mock", "mock.", "time.sleep"))}
    called = {name for _, name in _calls(tree)}
    marks = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not {"time.sleep", "pytest.skip", "pytest.importorskip"} & called
    assert not {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"} & marks
