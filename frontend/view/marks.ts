// A completion with its marks: what the judge found of every sentence or line, or each token by its figures.

import { type Child, fill, h } from "../common/dom";
import { visible } from "../common/text";
import type { Completion, Reason, Words } from "./data";

export const SIGNS: Record<string, string> = { derived: "✓", lucky: "?", repeated: "↻", false: "✗", unread: "…", empty: "○", right: "✓", wrong: "✗" };

const OTHER_SCRIPT = /[^\P{L}\p{Script=Latin}]+/u;

/** A text with the letters of another script than Latin marked. */
function switches(text: string): Child[] {
  const parts = text.split(new RegExp(`(${OTHER_SCRIPT.source})`, "u"));
  return parts.map((part, i) => (i % 2 ? h("span", { class: "script", title: "letters of another script than the puzzle's" }, part) : part));
}

/** The completion's text, cut at its spans; a span is a button if `choose` is given. */
export function marked(one: Completion, words: Words, choose?: (start: number, end: number, verdict: string, button: HTMLElement) => void): HTMLElement {
  const children: Child[] = [];
  const characters = [...one.completion]; // places count characters, not halves of UTF-16
  let place = 0;
  const plain = OTHER_SCRIPT.test(one.prompt);
  const text = (until: number): Child[] => {
    const shown = visible(characters.slice(place, until).join(""));
    return plain ? [shown] : switches(shown);
  };
  for (const [start, end, verdict] of [...one.spans].filter(sound).sort((a, b) => a[0] - b[0])) {
    if (start > place) children.push(...text(start));
    place = Math.max(place, start);
    if (end <= place || place >= characters.length) continue;
    const known = Object.hasOwn(SIGNS, verdict) ? verdict : "unread";
    const label = `${known}: ${words.verdicts[known] ?? ""}`;
    const mark: HTMLElement = choose
      ? h("span", { role: "button", tabindex: "0", class: `mark ${known}`, title: label, onclick: () => choose(start, end, known, mark), onkeydown: (event: KeyboardEvent) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          choose(start, end, known, mark);
        } }, text(end)) // a button would not wrap with the text
      : h("mark", { class: `mark ${known}`, title: label }, text(end));
    children.push(mark);
    place = end;
  }
  children.push(...text(characters.length));
  return h("div", { class: "text" }, children, one.completion_left_out ? h("p", { class: "notice" }, `${one.completion_left_out.toLocaleString("en")} more characters are in the run's files.`) : null);
}

function sound(part: unknown): part is [number, number, string] {
  return Array.isArray(part) && Number.isInteger(part[0]) && Number.isInteger(part[1]) && part[0] >= 0 && part[1] > part[0];
}

/** Which marks there are, with their signs and how many of each. */
export function legend(one: Completion, words: Words): HTMLElement {
  const counts = new Map<string, number>();
  for (const [, , verdict] of one.spans.filter(sound)) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return h("ul", { class: "key" }, [...counts].filter(([verdict]) => Object.hasOwn(SIGNS, verdict)).map(([verdict, count]) =>
    h("li", { title: words.verdicts[verdict] ?? "" }, h("span", { class: `mark ${verdict}` }, SIGNS[verdict]!), ` ${count} ${verdict}`)));
}

/** Every token, shaded by its log-probability: the darker, the less likely it was. */
export function byLogprob(one: Completion): HTMLElement {
  if (!one.tokens.length) return h("p", { class: "quiet" }, "Tokens are stored with training rollouts, not with evaluations.");
  const spans = one.tokens.map((token, i) => {
    const logprob = one.logprobs[i] ?? 0, piece = one.pieces?.[i] ?? `⟨${token}⟩`;
    const level = Math.min(5, Math.floor(-logprob * 1.5));
    return h("span", { class: `token level-${level}`, title: `log-probability ${logprob.toFixed(3)}, probability ${(100 * Math.exp(logprob)).toFixed(1)} %` }, visible(piece));
  });
  return h("div", { class: "text" }, spans);
}

const RATIOS = [1.01, 1.05, 1.2]; // from which on a token is shaded, the stronger the further from 1
const RATIO_KEY: [string, string][] = [["down-3", "below 1/1.2"], ["down-2", "below 1/1.05"], ["down-1", "below 1/1.01"], ["", "about 1"], ["up-1", "above 1.01"], ["up-2", "above 1.05"], ["up-3", "above 1.2"]];

/** Every token by its importance ratio: what its probability became before it was trained on, relative to what it was when sampled. */
export function byRatio(one: Completion): HTMLElement {
  const { ratios, tokens } = one;
  if (!ratios.length) {
    return h("p", { class: "quiet" }, "No ratio of this completion is known to differ from 1. Ratios are stored where a step makes several updates, or where sampler and trainer round differently.");
  }
  const spans = tokens.map((token, i) => {
    const ratio = ratios[i] ?? 1, level = RATIOS.filter((bound) => Math.max(ratio, 1 / ratio) >= bound).length;
    return h("span", { class: `token ${level ? `${ratio > 1 ? "up" : "down"}-${level}` : ""}`, title: `ratio ${ratio.toFixed(3)}` }, visible(one.pieces?.[i] ?? `⟨${token}⟩`));
  });
  const changed = ratios.filter((ratio) => ratio !== 1).length;
  const ends = `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`;
  return h("div", {}, h("p", { class: "quiet" }, `Probability when trained on, over probability when sampled: ${ends}; ${changed} of ${ratios.length} tokens differ from 1.`),
    h("ul", { class: "key" }, RATIO_KEY.map(([level, text]) => h("li", {}, h("span", { class: `token ${level}` }, "\u00a0"), ` ${text}`))),
    h("div", { class: "text" }, spans));
}

const WAYS = { up: "Every token becomes likelier", down: "Every token becomes less likely", none: "No token is pushed either way" };

/** Every token in the colour of the completion's advantage, the stronger the larger it is. */
export function byAdvantage(one: Completion): HTMLElement {
  if (!one.tokens.length || one.advantage === null || one.advantage === undefined) {
    return h("p", { class: "quiet" }, "This completion has no advantage: an evaluation has none, and neither has a group whose rewards are all equal.");
  }
  const level = Math.min(3, Math.ceil(Math.abs(one.advantage))), sign = one.advantage > 0 ? "up" : one.advantage < 0 ? "down" : "none";
  return h("div", {}, h("p", { class: "quiet" }, `${WAYS[sign]}: the advantage is ${one.advantage.toFixed(2).replace("-", "−")}.`),
    h("div", { class: `text advantage ${sign}-${level}` }, visible(one.completion)));
}

/** A reason for a mark, in words, with links to the sentences before it. */
export function reasonOf(reasons: Reason[], start: number, end: number): Reason | undefined {
  return reasons.find((one) => one.start === start && one.end === end) ?? reasons.find((one) => one.start < end && one.end > start);
}

/** The puzzle's page, with the clues of a reason marked. */
export function page(prompt: string, clueLines: number[], clues: number[]): HTMLElement {
  const element = h("div", { class: "text page" });
  const lines = prompt.split("\n");
  fill(element, lines.map((line, i) => {
    const clue = clueLines.indexOf(i);
    return h("div", { class: clue >= 0 && clues.includes(clue) ? "cited" : "" }, clue >= 0 ? h("span", { class: "clue-number" }, `${clue + 1}`) : null, visible(line) || "\u00a0");
  }));
  return element;
}
