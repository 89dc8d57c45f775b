// Small pieces that several views share.

import { type Child, h, s } from "../common/dom";
import { percent, visible } from "../common/text";
import type { Figure, RunLine } from "./data";

/** A share with its interval below it. */
export function share(figure: Figure | null | undefined): Child {
  if (!figure) return h("span", { class: "quiet" }, "–");
  return h("span", {}, percent(figure.mean), range(figure, (value) => (100 * value).toFixed(1)));
}

/** The ends of an interval. */
export function range(figure: Figure, written: (value: number) => string): Child {
  if (figure.low === null || figure.high === null || figure.low === undefined || figure.high === undefined) return null;
  return h("span", { class: "range" }, `${written(figure.low)} – ${written(figure.high)}`);
}

export const STATES: Record<string, [string, string]> = {
  running: ["●", "running"],
  finished: ["✓", "finished"],
  stopped: ["■", "stopped"],
  unreadable: ["?", "unreadable"],
};

/** The state of a run as a word with a sign, and its alarms. */
export function badges(run: RunLine): Child[] {
  const [sign, word] = STATES[run.state] ?? ["?", run.state];
  return [
    h("span", { class: `badge ${run.state}` }, h("span", { "aria-hidden": "true" }, `${sign} `), word),
    run.alarms ? h("span", { class: "badge alarm" }, h("span", { "aria-hidden": "true" }, "▲ "), `${run.alarms} alarm${run.alarms > 1 ? "s" : ""}`) : null,
  ];
}

/** A small curve without axes; its text says where it begins and ends. */
export function spark(values: number[] | undefined): Child {
  if (!values || values.length < 2) return null;
  const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
  const points = values.map((value, i) => `${(100 * i) / (values.length - 1)},${22 - (20 * (value - low)) / span}`).join(" ");
  const [first, last] = [values[0] ?? 0, values[values.length - 1] ?? 0];
  return s("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": `from ${first.toPrecision(3)} to ${last.toPrecision(3)}` },
    s("polyline", { points, fill: "none", stroke: "currentColor", "stroke-width": "1.5", "vector-effect": "non-scaling-stroke" }));
}

/** How long ago, in words. */
export function ago(seconds: number): string {
  const passed = Date.now() / 1000 - seconds;
  if (seconds === 0) return "–";
  if (passed < 60) return "just now";
  if (passed < 3600) return `${Math.round(passed / 60)} min ago`;
  if (passed < 86400) return `${Math.round(passed / 3600)} h ago`;
  return `${Math.round(passed / 86400)} days ago`;
}

/** A message where something went wrong. */
export function failure(error: unknown): HTMLElement {
  return h("p", { class: "notice", role: "alert" }, visible(error instanceof Error ? error.message : String(error)));
}

/** A select box with a label. */
export function choice(label: string, options: [string, string][], chosen: string, change: (value: string) => void): HTMLElement {
  const select = h("select", { onchange: (event: Event) => change((event.target as HTMLSelectElement).value) },
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, visible(text))));
  return h("label", { class: "field" }, h("span", {}, label), select);
}

/** A text field with a label, which reports when typing pauses. */
export function field(label: string, value: string, change: (value: string) => void, attributes: Record<string, string> = {}): HTMLElement {
  let waiting = 0;
  const input = h("input", {
    type: "search", value, ...attributes,
    oninput: () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => change(input.value), 200);
    },
  });
  return h("label", { class: "field" }, h("span", {}, label), input);
}

/** Calls a function every so often until it is stopped, and never twice at once; not while the page is hidden. */
export function poll(seconds: number, call: () => Promise<void>): () => void {
  let stopped = false;
  const next = (): void => {
    setTimeout(async () => {
      if (stopped) return;
      if (!document.hidden) await call().catch(() => undefined);
      if (!stopped) next();
    }, 1000 * seconds);
  };
  next();
  return () => {
    stopped = true;
  };
}

/** The puzzle's name without its family. */
export function short(puzzle: string): string {
  const parts = puzzle.split("/");
  return parts.length > 2 ? parts.slice(1).join("/") : puzzle;
}
