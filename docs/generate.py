"""Writes what is generated of the reference: what features, commands and functions say about themselves.

Run `python docs/generate.py` after changing either; a test fails while a page is not what this would write.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from fourthwatch.cli.main import root
from fourthwatch.cli.options import WITHOUT_JSON
from fourthwatch.decision import Policy
from fourthwatch.features.catalogue import CATALOGUE, FEATURES_VERSION, THEMES, built_in
from fourthwatch.features.definition import Defined, Feature
from fourthwatch.features.facts import FACT_THEMES, FACTS, Fact
from fourthwatch.language import FORMS, FUNCTIONS, duration_text
from fourthwatch.limits import THINGS_EXACT_MAX
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.starter import PRESETS, STARTER_VERSION, theme
from fourthwatch.rules.starter import THEMES as RULE_THEMES
from fourthwatch.workbench.delays import DELAY_DAYS_DEFAULT
from fourthwatch.workbench.outcomes import ENTITIES, TARGETS, history_of

DOCS = Path(__file__).parent
_OF_MODELS = "Shares of bad outcomes, which models bring"
_GENERATED = "<!-- Written by docs/generate.py; change the code it describes, then run it again. -->"


def pages() -> dict[str, str]:
    """Every page that is generated, or holds something that is, by its path in docs."""
    return {
        "features.md": features_page(),
        "reference/cli.md": commands_page(),
        "reference/language.md": language_page(),
        "reference/starter-rules.md": starter_page(),
    }


def language_page() -> str:
    """The page as it is, with the tables of functions and aggregates written anew."""
    page = (DOCS / "reference" / "language.md").read_text("utf-8")
    functions = [(function.usage, function.says, function.example) for function in FUNCTIONS.values()]
    aggregates = [(form.usage, form.says, form.example) for form in FORMS]
    for name, rows in (("functions", functions), ("aggregates", aggregates)):
        table = ["| written | gives | for example |", "|---|---|---|"]
        table += [f"| `{usage}` | {says} | `{example}` |" for usage, says, example in rows]
        begin, end = f"<!-- {name}: written by docs/generate.py -->\n", f"<!-- end of {name} -->\n"
        before, rest = page.split(begin)
        page = "\n".join([before + begin, *table, "", end + rest.split(end)[1]])
    return page


def features_page() -> str:
    """The catalogue of features."""
    lines = [
        "# Features and reasons",
        "",
        _GENERATED,
        "",
        f"There are {len(CATALOGUE)} features that are expressions and {len(FACTS)} facts "
        f"(version {FEATURES_VERSION}).",
        "What is made of them stands in [the starter rules](reference/starter-rules.md).",
        "",
        "A feature is a number as of the event's time, before the event itself and the order it is about count.",
        "*Unknown* (`null` in the API) means that the entity was not named, or that there is nothing to compare with;",
        "it is neither zero nor false. Expressions are written in [the language](reference/language.md), and a rule",
        "may use a feature by its name. The reason is the code that a decision shows; without one it is the name.",
        "The reasons `customer_phone_blocklisted`, `…_ip_…`, `…_pincode_…` and `…_email_…` have no feature: a rule",
        'asks [a list](reference/management.md#lists) by itself, `in_list(phone, "blocked")`, and gives them.',
        "",
        "One order counts once, however often it is sent, and so do its state and its dispute, at the newest time of",
        "each ([ADR 27](adr/0027-what-was-folded-is-taken-back.md) has the two exceptions).",
        "",
        f"Counts and sums are exact for the newest {THINGS_EXACT_MAX} things of an entity. Of an entity that has seen",
        "more, a window may begin or end up to its *slack* off; in numbers of different ones (`distinct`), what is",
        "older than that is an estimate, good to about one in seven (`1 in 7`). How that comes about is told in",
        "[ADR 10](adr/0010-histories-are-functions-of-a-set.md). Without a window a feature looks back for as long as",
        "the thing is known: until nothing of it was received for 400 days, or as",
        "[`FOURTHWATCH_FORGET_AFTER_DAYS`](reference/settings.md) says",
        "([ADR 12](adr/0012-what-is-silent-is-forgotten.md)).",
        "",
        *[f"* [{title}](#{_anchor(title)})" for title in (*THEMES, _OF_MODELS, *FACT_THEMES)],
        *(line for title, rows in THEMES.items() for line in _theme_lines(title, rows)),
        *_share_lines(),
        "",
        "## Facts",
        "",
        "A fact is what one event says by itself, together with the order that it is about; it knows no past.",
        *(line for title, facts in FACT_THEMES.items() for line in _fact_lines(title, facts)),
    ]
    return "\n".join(lines) + "\n"


def starter_page() -> str:
    """The rules that come with the program."""
    rules = [rule for name in RULE_THEMES for rule in theme(name).rules]
    lines = [
        "# The starter rules",
        "",
        _GENERATED,
        "",
        f"There are {len(rules)} rules (version {STARTER_VERSION}), each with examples, in {len(RULE_THEMES)} themes.",
        "The preset `general` judges every tenant that has published no set of its own; `fourthwatch rules starter`",
        "prints a preset as a file to begin with. How a rule is read stands in [rule files](rules.md).",
        "",
        f"An order begins with {RuleSet(()).prior:g} points: three bad ones in a hundred. A score rule that hits adds",
        "its points: 10 make the odds of fraud ten times as high, 3 double them, negative ones lower them; what is",
        "unknown adds nothing. The score is the probability that follows, in percent: it is made of priors and not",
        f"calibrated on your shop. Scores above {Policy().red_above} are red and go to review, scores above "
        f"{Policy().decline_above} are declined.",
        "Rules of one reason are shown as one, with their points added up; at most the twelve strongest reasons are",
        "shown.",
        "",
        "| preset | themes |",
        "|---|---|",
        *(f"| `{name}` | {', '.join(f'`{one}`' for one in themes)} |" for name, themes in PRESETS.items()),
    ]
    for name, about in RULE_THEMES.items():
        lines += ["", f"## {name.replace('_', ' ').capitalize()}", "", f"{about[0].upper()}{about[1:]}.", ""]
        lines += ["| rule | class | when | points | reason | says |", "|---|---|---|---|---|---|"]
        lines += [_rule_row(rule) for rule in theme(name).rules]
    return "\n".join(lines) + "\n"


def _rule_row(rule: Rule) -> str:
    points = f"{rule.weight:g}" if rule.rule_class == "score" else ""
    return f"| `{rule.name}` | {rule.rule_class} | `{rule.when}` | {points} | `{rule.code}` | {rule.says} |"


def _theme_lines(title: str, rows: Iterable[Feature]) -> list[str]:
    book = built_in()
    head = ["| name | what it says | unit | reason | slack | expression |", "|---|---|---|---|---|---|"]
    lines = ["", f"## {title}", "", *head]
    for row in rows:
        defined = book.get(row.name)
        assert defined is not None
        text = row.text.replace("|", "\\|")
        cells = (f"`{row.name}`", row.says, row.unit, _reason(row.name, row.reason), _slack(defined), f"`{text}`")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _share_lines() -> list[str]:
    """What a model brings, of one entity: the others' differ by its name alone."""
    shown = [
        one for one in history_of("chargeback", DELAY_DAYS_DEFAULT) if one.name.partition("_of_")[2][:6] == "device"
    ]
    things = ", ".join(f"`{one}`" for one in ENTITIES)
    return [
        "",
        f"## {_OF_MODELS}",
        "",
        "A [model](how-to/train-a-model.md) brings those that it chose among these, with the delay of the shop's",
        f"labels in them ({DELAY_DAYS_DEFAULT} days here). There are as many for each of",
        f"{things},",
        f"and for each of the targets {', '.join(f'`{one}`' for one in TARGETS)},",
        "whose labels then stand in place of disputes.",
        "",
        "| feature | says | unit | expression |",
        "|---|---|---|---|",
        *(f"| `{one.name}` | {one.says} | {one.unit} | `{one.text}` |" for one in shown),
    ]


def _fact_lines(title: str, facts: Iterable[Fact]) -> list[str]:
    lines = ["", f"### {title}", "", "| name | what it says | unit | reason |", "|---|---|---|---|"]
    rows = [(f"`{fact.name}`", fact.says, fact.unit, _reason(fact.name, fact.reason)) for fact in facts]
    return lines + [f"| {' | '.join(cells)} |" for cells in rows]


def _reason(name: str, reason: str) -> str:
    return "" if reason == name else f"`{reason}`"


def _slack(defined: Defined) -> str:
    """The greatest of a feature's windows; nothing where no window has an edge."""
    slack_ms = max((window.slack_ms for window in defined.windows), default=0)
    told = [duration_text(slack_ms)] if slack_ms else []
    if any(node.function == "distinct" for node in defined.aggregates):
        told.append("1 in 7")
    return ", ".join(told)


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-")


def commands_page() -> str:
    """Every command with its options, from the program's own help."""
    lines = [
        "# The command line",
        "",
        _GENERATED,
        "",
        "Data goes to standard output, talk to standard error. Exit codes: 0 all is well, 1 something was found or",
        "failed, 2 the command was called wrongly. Every command answers `--help`.",
        "",
        "With `--json` standard output is JSON and nothing else: one value, or one object per line where a command",
        "tells of several things as they happen. Every command that prints anything has it, but for these:",
        "",
        *[f"* `{name}` {why}" for name, why in WITHOUT_JSON.items()],
    ]
    for path, command in commands(root, "fourthwatch"):
        lines += ["", *_command_lines(path, command)]
    return "\n".join(lines) + "\n"


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The command and everything below it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in sorted(command.list_commands(context)):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, f"{path} {name}")


def _command_lines(path: str, command: click.Command) -> list[str]:
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    usage = [path, *(["[OPTIONS]"] if options else []), *(_argument(argument) for argument in arguments)]
    if isinstance(command, click.Group):
        usage.append("COMMAND")
    lines = [f"## `{path}`", "", _prose(command.help or ""), "", "```text", " ".join(usage), "```"]
    if options:
        lines += ["", "| option | meaning |", "|---|---|", *(_option_row(option) for option in options)]
    if command.epilog and command.epilog.startswith("Example: "):
        lines += ["", "Example:", "", "```sh", command.epilog.removeprefix("Example: "), "```"]
    return lines


def _prose(text: str) -> str:
    """Help text as paragraphs, each on one line."""
    paragraphs = text.strip().replace("\b", "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    shown = name if argument.required else f"[{name}]"
    return f"{shown}…" if argument.nargs == -1 else shown


def _option_row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if not option.is_flag:
        choices = option.type.choices if isinstance(option.type, click.Choice) else ()
        metavar = option.metavar or "\\|".join(map(str, choices)) or option.type.name.upper()
        names += f" {metavar}"
    notes = [] if option.help is None else [option.help.replace("|", "\\|")]
    if option.required:
        notes.append("Required.")
    if option.show_default and isinstance(option.default, str | int | float) and not option.is_flag:
        notes.append(f"Default: `{option.default}`.")
    if option.envvar is not None and option.show_envvar:
        notes.append(f"Also read from `{option.envvar}`.")
    return f"| {names} | {' '.join(notes)} |"


def main() -> None:
    """Write every page that is not current and say which."""
    for name, text in pages().items():
        path = DOCS / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stderr.write(f"wrote {path.name}\n")


if __name__ == "__main__":
    main()
