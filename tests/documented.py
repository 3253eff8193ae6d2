"""The pages of the documentation, and what stands in their fenced blocks: commands, calls and JSON."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(page: Path) -> list[Block]:
    """Fenced blocks, in order, without the page's indentation and without line continuations."""
    found = []
    for indent, language, text in FENCE.findall(page.read_text("utf-8")):
        lines = [line.removeprefix(indent) for line in text.split("\n")]
        found.append(Block(language, "\n".join(lines).replace("\\\n", " ").strip()))
    return found


def shell_lines(page: Path) -> Iterator[list[str]]:
    """Every command of every shell block as words; what stands inside `$(…)` is a command of its own."""
    for block in blocks(page):
        if block.language == "sh":
            text = re.sub(r"\w+=\$\((.*?)\)", r"\n\1\n", block.text)
            lexer = shlex.shlex(text, posix=True, punctuation_chars="\n;|>")
            lexer.whitespace = " \t\r"
            lexer.whitespace_split = True
            words: list[str] = []
            for word in lexer:
                if set(word) <= set("\n;|>"):
                    if words:
                        yield words
                    words = ["(file)"] if ">" in word else []
                else:
                    words.append(word)
            if words:
                yield words


class Call(NamedTuple):
    """A `curl` line of a page, and the JSON that is said to come back."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    reply: Any


def calls_of(page: Path, **values: str) -> Iterator[Call]:
    """The `curl` lines of a page; `$NAME` is replaced when asked for, as late as the line is reached."""
    found = blocks(page)
    for at, block in enumerate(found):
        if block.language != "sh" or not block.text.startswith("curl "):
            continue
        after = found[at + 1] if at + 1 < len(found) else None
        reply = json.loads(after.text) if after is not None and after.language == "json" else None
        text = block.text
        for name, value in values.items():
            text = text.replace(f"${name}", value)
        yield parsed(text, reply)


def parsed(line: str, reply: Any) -> Call:
    """As `curl` would read it; raises for an option that is not used in the documentation so far."""
    words = shlex.split(line, comments=True)[1:]
    headers: dict[str, str] = {}
    body = None
    url = ""
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0)
        elif word != "-s":
            assert not word.startswith("-"), word
            assert not url, f"two addresses in one call: {line}"
            url = word
    return Call("GET" if body is None else "POST", re.sub(r"^\$URL", "", url), headers, body, reply)
