// A model at the same case: its completion appears sentence by sentence, with what the judge says of each.

import { fill, h } from "../common/dom";
import { visible } from "../common/text";
import type { Attempt } from "./cases";

const SIGNS: Record<string, string> = {
  right: "✓", wrong: "✗", derived: "✓", lucky: "~", repeated: "↺", empty: "∅", false: "✗", unread: "?",
};
const PAUSE_MS = 900;

/** The part of the page in which attempts are watched. */
export function watching(attempts: readonly Attempt[]): HTMLElement {
  const shown = h("div", { class: "completion", tabindex: 0, role: "region", "aria-label": "What the model writes" });
  const said = h("p", { role: "status", class: "quiet" });
  let timer = 0;
  let place = 0;
  let chosen: Attempt | undefined;

  const stop = (): void => window.clearInterval(timer);
  const next = (): void => {
    const pieces = chosen?.pieces ?? [];
    while (place < pieces.length) {
      const piece = pieces[place++];
      if (!piece) continue;
      const sign = piece.verdict ? ` ${SIGNS[piece.verdict] ?? ""}` : "";
      shown.append(
        piece.verdict
          ? h("span", { class: `piece ${piece.verdict}`, title: piece.meaning }, piece.text, h("b", {}, `${sign} ${piece.verdict}`))
          : piece.text,
      );
      shown.scrollTop = shown.scrollHeight;
      if (piece.verdict) break;
    }
    if (place >= pieces.length && chosen) {
      stop();
      const answers = Object.entries(chosen.answers).map(
        ([letter, answer]) => `${letter}. ${answer === null ? "nothing" : visible(answer)} ${chosen?.right[letter] ? "✓" : "✗"}`,
      );
      said.textContent = `It is done: ${chosen.outcome}, ${chosen.tokens} tokens. ${answers.join("; ")}`;
    }
  };
  const all = (): void => {
    while (chosen && place < chosen.pieces.length) next();
  };
  const begin = (attempt: Attempt): void => {
    stop();
    chosen = attempt;
    place = 0;
    fill(shown);
    said.textContent = `${attempt.stage}: the model begins.`;
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) all();
    else {
      next();
      timer = window.setInterval(next, PAUSE_MS);
    }
  };
  return h(
    "details",
    { class: "card watch" },
    h("summary", {}, "Watch a model try this case"),
    h("p", { class: "quiet" }, "Its sentences appear one after the other, each with the judge's mark. It may give the solution away."),
    h(
      "div",
      { class: "buttons" },
      attempts.map((attempt) => h("button", { type: "button", onclick: () => begin(attempt) }, attempt.stage)),
      h("button", { type: "button", onclick: () => { stop(); next(); } }, "Next sentence"),
      h("button", { type: "button", onclick: () => { stop(); all(); } }, "All of it"),
    ),
    shown,
    said,
  );
}
