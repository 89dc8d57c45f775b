// One completion in full: with the judge's marks and reasons, its tokens, its group, and the puzzle through the training.

import { type Child, fill, h } from "../common/dom";
import { percent, visible } from "../common/text";
import { address, note, state } from "./address";
import { type Completion, type Query, type Reasons, type Row, type Words, ask, meanings } from "./data";
import { diff } from "./diff";
import { byAdvantage, byLogprob, byRatio, legend, marked, page, reasonOf } from "./marks";
import { choice, failure, short } from "./parts";

const TABS: [string, string][] = [["", "Completion"], ["group", "Its group"], ["puzzle", "Through the training"]];
const SHADES: [string, string][] = [["", "the judge's marks"], ["logprob", "log-probability"], ["ratio", "importance ratio"], ["advantage", "advantage"]];
const IN_GROUP = 3000;

export function showCompletion(root: HTMLElement, run: string, file: string, row: number, close: () => void): () => void {
  let gone = false;
  fill(root, h("p", { class: "quiet" }, "Reading …"));
  void Promise.all([ask<Completion>("completion", { run, file, row }), meanings()]).then(([one, words]) => {
    if (!gone) draw(root, run, one, words, close);
  }).catch((error: unknown) => { if (!gone) fill(root, failure(error)); });
  return () => { gone = true; };
}

function draw(root: HTMLElement, run: string, one: Completion, words: Words, close: () => void): void {
  const tab = state().get("tab") ?? "", body = h("div", { class: "tab" });
  const outcome = words.outcomes[one.outcome];
  const where = one.source === "training" ? `step ${one.step}` : `evaluation ${one.source}`;
  const again = (): void => draw(root, run, one, words, close);
  fill(root,
    h("button", { type: "button", class: "back", onclick: close }, "← All completions"),
    h("h2", {}, h("span", { class: `dot ${one.outcome}`, "aria-hidden": "true" }, outcome?.sign ?? "?"), " ", visible(`${one.outcome}`), h("small", {}, visible(outcome?.meaning ?? ""))),
    h("p", { class: "quiet" }, visible(`${where} · ${short(one.puzzle_id)} · sample ${one.sample} · reward `), percent(one.reward),
      one.advantage === null || one.advantage === undefined ? "" : ` · advantage ${signed(one.advantage)}`, ` · ${one.length} tokens · ${visible(words.stops[one.stop] ?? one.stop)}`),
    h("div", { class: "tabs", role: "tablist" }, TABS.map(([key, text]) => h("button", { type: "button", role: "tab", "aria-selected": key === tab ? "true" : "false", onclick: () => { note({ tab: key }); again(); } }, text))),
    body);
  if (tab === "group") void group(body, run, one, words).catch((error: unknown) => fill(body, failure(error)));
  else if (tab === "puzzle") void course(body, run, one).catch((error: unknown) => fill(body, failure(error)));
  else whole(body, run, one, words, again);
}

function whole(body: HTMLElement, run: string, one: Completion, words: Words, again: () => void): void {
  const shade = state().get("shade") ?? "", why = h("div", { class: "why", role: "status", "aria-live": "polite" }), prompt = h("div");
  const place: Query = { run, file: one.file, row: one.row };
  let reasons: Promise<Reasons> | undefined, pressed: HTMLElement | undefined;

  const explain = (start: number, end: number, verdict: string, button: HTMLElement): void => {
    pressed?.setAttribute("aria-pressed", "false");
    pressed = button;
    button.setAttribute("aria-pressed", "true");
    const lead = h("p", {}, h("span", { class: `mark ${verdict}` }, verdict), " ", words.verdicts[verdict] ?? "");
    if (one.mode !== "reason") {
      fill(why, lead);
      return;
    }
    fill(why, lead, h("p", { class: "quiet" }, "Asking the solver …"));
    (reasons ??= ask<Reasons>("reasons", place)).then((told) => {
      const found = reasonOf(told.reasons, start, end);
      if (pressed !== button) return;
      const cited = found?.sentences.map((number) => told.reasons[number]).filter((each) => each !== undefined) ?? [];
      const characters = [...one.completion];
      fill(why, lead, h("p", {}, visible(found?.text ?? "The solver has no reason for this one.")),
        cited.length ? h("ul", {}, cited.map((each) => h("li", {}, "“", visible(characters.slice(each.start, each.end).join("")), "”"))) : null,
        found?.clues.length ? h("ul", {}, found.clues.map((clue) => h("li", {}, h("span", { class: "clue-number" }, `${clue + 1}`), visible(one.prompt.split("\n")[told.clue_lines[clue] ?? -1] ?? "")))) : null);
      fill(prompt, page(one.prompt, told.clue_lines, found?.clues ?? []));
    }).catch((error: unknown) => { reasons = undefined; fill(why, lead, failure(error)); });
  };

  const text = shade === "logprob" ? byLogprob(one) : shade === "ratio" ? byRatio(one) : shade === "advantage" ? byAdvantage(one) : marked(one, words, explain);
  fill(prompt, page(one.prompt, [], []));
  fill(body,
    h("div", { class: "toolbar" }, choice("Colour by", SHADES, shade, (value) => { note({ shade: value }); again(); })),
    shade === "" && one.spans.length ? legend(one, words) : shade === "logprob" ? scale() : null,
    one.turns.map(([before, said]) => h("div", { class: "turn" }, h("div", { class: "text" }, visible(before.slice(0, 20000))), h("p", { class: "quiet" }, "Reply: ", visible(said)))),
    text, shade === "" ? why : null, answers(one), one.detail ? h("p", { class: "quiet" }, "Grader: ", visible(one.detail)) : null,
    h("details", { open: true }, h("summary", {}, "The puzzle"), one.system ? h("p", { class: "quiet" }, visible(one.system)) : null, prompt));
}

function scale(): HTMLElement {
  const steps = [0, 1, 2, 3, 4, 5].map((level) => h("li", { "aria-hidden": "true" }, h("span", { class: `token level-${level}` }, "\u00a0")));
  return h("ul", { class: "key scale" }, h("li", {}, "certain"), steps, h("li", {}, "surprising"));
}

/** Each question with the answer that was read beside the right one. */
function answers(one: Completion): Child {
  const letters = Object.keys(one.gold);
  if (!letters.length) return null;
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Answers" }, h("table", { class: "answers" },
    h("thead", {}, h("tr", {}, ["Question", "Answer as read", "Right answer"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, letters.map((letter) => {
      const read = one.answers[letter], right = one.right[letter] === true;
      return h("tr", {}, h("th", { scope: "row" }, visible(letter)), h("td", { class: right ? "right" : "wrong" }, h("span", { "aria-hidden": "true" }, right ? "✓ " : "✗ "), read === null || read === undefined ? h("i", { class: "quiet" }, "none") : visible(String(read))), h("td", {}, visible(String(one.gold[letter]))));
    }))));
}

async function group(body: HTMLElement, run: string, one: Completion, words: Words): Promise<void> {
  fill(body, h("p", { class: "quiet" }, "Reading …"));
  const told = await ask<{ completions: Completion[] }>("group", { run, file: one.file, puzzle: one.puzzle_id });
  const rewards = told.completions.map((each) => each.reward), mean = rewards.reduce((sum, value) => sum + value, 0) / Math.max(1, rewards.length);
  fill(body, h("p", { class: "quiet" }, `${told.completions.length} completions of this puzzle, mean reward ${percent(mean)}.`),
    h("div", { class: "group" }, told.completions.map((each) => {
      const cut = each.completion.length > IN_GROUP ? { ...each, completion: [...each.completion].slice(0, IN_GROUP).join(""), completion_left_out: each.completion.length - IN_GROUP } : each;
      const outcome = words.outcomes[each.outcome];
      return h("article", { class: each.row === one.row ? "chosen" : "" },
        h("h3", {}, h("a", { href: address("/read", { file: each.file, row: String(each.row), tab: null }) }, `#${each.sample}`), " ", h("span", { class: `dot ${each.outcome}`, "aria-hidden": "true" }, outcome?.sign ?? "?"), ` ${percent(each.reward)}`),
        advantage(each.advantage), h("p", { class: "quiet" }, visible(`${each.outcome} · ${each.length} tokens`)), scrolled(marked(cut, words), `Completion ${each.sample}`));
    })));
}

/** A text that may be higher than its frame, so that keys can scroll it. */
function scrolled(text: HTMLElement, label: string): HTMLElement {
  for (const [name, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", label]] as const) text.setAttribute(name, value);
  return text;
}

function advantage(value: number | null | undefined): Child {
  if (value === null || value === undefined) return h("p", { class: "quiet" }, "no advantage");
  const bar = h("span", { class: value >= 0 ? "up" : "down" });
  bar.style.width = `${Math.min(50, 20 * Math.abs(value))}%`;
  return h("p", { class: "advantage-bar" }, h("span", { class: "track", "aria-hidden": "true" }, bar), ` ${signed(value)}`);
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`;
}

const ORDER = ["before", "after-sft", "training", "after-grpo"];

async function course(body: HTMLElement, run: string, one: Completion): Promise<void> {
  fill(body, h("p", { class: "quiet" }, "Reading …"));
  const told = await ask<{ rows: Row[] }>("puzzle", { run, puzzle: one.puzzle_id });
  const rank = (row: Row): number => { const at = ORDER.indexOf(row.source); return at < 0 ? ORDER.length : at; }; // baselines last
  const rows = told.rows.sort((a, b) => rank(a) - rank(b) || a.step - b.step || a.sample - b.sample);
  const key = (row: Row): string => `${row.file}:${row.row}`;
  const name = (row: Row): string => `${row.source === "training" ? `step ${row.step}` : row.source} #${row.sample}: ${row.outcome}, ${percent(row.reward)}`;
  const best = rows.reduce((found, row) => (row.reward > found.reward ? row : found), rows[0]!);
  const options = rows.map((row): [string, string] => [key(row), name(row)]);
  const models = rows.filter((row) => ORDER.includes(row.source)), ends = models.length > 1 ? models : rows;
  let first = key(ends[0]!), second = key(ends[ends.length - 1]!);
  const result = h("div");
  const show = async (): Promise<void> => {
    const read = async (of: string): Promise<Completion> => {
      const row = rows.find((each) => key(each) === of)!;
      return ask<Completion>("completion", { run, file: row.file, row: row.row });
    };
    const [left, right] = await Promise.all([read(first), read(second)]);
    const pieces = diff(left.completion, right.completion);
    const side = (kind: "left" | "right", of: Completion): HTMLElement => h("article", {}, h("h3", {}, visible(name(rows.find((each) => each.file === of.file && each.row === of.row)!))),
      h("div", { class: "text" }, pieces.filter((piece) => piece.kind === "same" || piece.kind === kind).map((piece) => (piece.kind === "same" ? visible(piece.text) : h(kind === "left" ? "del" : "ins", {}, visible(piece.text))))), answers(of));
    const equal = left.completion === right.completion ? h("p", { class: "quiet" }, "The two texts are the same.") : null;
    fill(result, first === second ? null : equal, first === second ? side("right", right) : h("div", { class: "sides" }, side("left", left), side("right", right)));
  };
  const pick = h("div", { class: "toolbar" });
  const drawPick = (): void => fill(pick,
    choice("First text", options, first, (value) => { first = value; void show(); }), choice("Second text", options, second, (value) => { second = value; void show(); }),
    h("button", { type: "button", onclick: () => { second = key(best); drawPick(); void show(); } }, "Take the best as second"));
  drawPick();
  fill(body, h("p", { class: "quiet" }, rows.length > 1 ? `${rows.length} completions of this puzzle are stored. What only the first says is struck through, what only the second says is underlined.` : "Only this completion of the puzzle is stored. Evaluations ask the same puzzles at every stage, and so does training with puzzles.fixed."), pick, result);
  await show();
}
