// The editor of rules and features over a plain text field, which stays what is sent. It lives in a shadow root, where its
// style sheets need no exception from the content security policy.
import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const WORDS = new Set(["and", "or", "not", "in", "by", "last", "until", "of", "where", "custom", "including", "this", "is", "if", "then", "else"]);
const ATOMS = new Set(["true", "false", "unknown"]);

const language = StreamLanguage.define({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^'(?:[^'\\]|\\.)*'?/)) return "string";
    if (stream.match(/^\d[\d_]*(?:\.\d+)?(?:ms|s|m|h|d|w)?\b/)) return "number";
    const word = stream.match(/^[A-Za-z_][A-Za-z0-9_]*/);
    if (word) {
      if (WORDS.has(word[0])) return "keyword";
      if (ATOMS.has(word[0])) return "atom";
      return /^\s*\(/.test(stream.string.slice(stream.pos)) ? "function" : "variableName";
    }
    if (stream.match(/^[<>=!]=?|^[+\-*/%]/)) return "operator";
    stream.next();
    return null;
  },
  tokenTable: { function: tags.function(tags.variableName) },
});

const look = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent-ink)", fontWeight: "600" },
  { tag: tags.string, color: "var(--good)" },
  { tag: tags.number, color: "var(--warn)" },
  { tag: tags.atom, color: "var(--warn)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
  { tag: tags.function(tags.variableName), color: "var(--ink)", fontWeight: "600" },
  { tag: tags.operator, color: "var(--ink-2)" },
]);

const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--sheet)", fontSize: "13px", fontWeight: "400" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: 'ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace', lineHeight: "1.6", minHeight: "8rem" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--ink-3)", border: "none" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-soft) !important" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-tooltip": { backgroundColor: "var(--sheet)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--accent-ink)" },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal", marginLeft: "1em" },
});

export function enliven(field) {
  if (field.dataset.done) return;
  field.dataset.done = "yes";
  const box = document.createElement("div");
  box.className = "editor";
  field.after(box);
  const root = box.attachShadow({ mode: "open" });
  const inside = document.createElement("div");
  root.append(inside);
  field.classList.add("sr");
  field.tabIndex = -1;
  field.setAttribute("aria-hidden", "true");
  const names = JSON.parse(field.dataset.names ?? "[]");
  const complete = (context) => {
    const word = context.matchBefore(/[A-Za-z_][A-Za-z0-9_]*/);
    return word || context.explicit ? { from: word ? word.from : context.pos, options: names, validFor: /^\w*$/ } : null;
  };
  const view = new EditorView({
    root, parent: inside,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        lineNumbers(), history(), bracketMatching(), closeBrackets(), language, syntaxHighlighting(look), theme, EditorView.lineWrapping, lintGutter(),
        autocompletion({ override: [complete] }), placeholder(field.placeholder || ""),
        EditorView.contentAttributes.of({ "aria-label": field.dataset.editor || "Expression" }),
        EditorState.readOnly.of(field.readOnly),
        keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          field.value = update.state.doc.toString();
          field.dispatchEvent(new Event("input", { bubbles: true }));
        }),
      ],
    }),
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === field.dataset.faults) showFaults(view, event.detail.target);
  });
}

function showFaults(view, list) {
  const { doc } = view.state;
  const faults = [...list.querySelectorAll("[data-line]")].flatMap((item) => {
    const number = Number(item.dataset.line);
    if (number < 1 || number > doc.lines) return [];
    const line = doc.line(number);
    const from = Math.min(line.to, line.from + Number(item.dataset.column) - 1);
    return [{ from, to: Math.min(line.to, Math.max(from, line.from + Number(item.dataset.end) - 1)), severity: item.dataset.severity ?? "error", message: item.textContent.trim() }];
  });
  view.dispatch(setDiagnostics(view.state, faults));
}
