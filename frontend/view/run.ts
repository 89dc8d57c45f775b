// One run: its state, curves, evaluations, alarms and recipe.

import { type Child, fill, h } from "../common/dom";
import { duration, percent, visible } from "../common/text";
import { address, go, note, state } from "./address";
import { chart } from "./chart";
import { type Evaluation, type RunDetail, ask } from "./data";
import { badges, choice, failure, poll, range, share } from "./parts";

export const AXES: [string, string][] = [["step", "steps"], ["tokens", "tokens sampled"], ["hours", "hours"], ["examples", "examples"]];
const PHASES: Record<string, string> = { grpo: "GRPO, training batch", eval: "Held-out puzzles", sft: "Warm start" };
const FIRST: Record<string, string[]> = {
  grpo: ["reward", "strict", "spans/sentences_derived", "spans/lines_right", "length_tokens", "entropy_sampled", "kl", "legibility/language", "legibility/repetition"],
  eval: ["reward", "strict", "length_tokens"],
  sft: ["loss"],
};

/** Charts of every phase: those that one looks at first, and a choice of the others. */
export function curves(runs: string[], metrics: Record<string, string[]>, titles: Record<string, string>, seeds: boolean): { element: HTMLElement; again: () => Promise<void> } {
  const axis = state().get("axis") ?? "step", more = state().getAll("metric");
  const element = h("div"), drawn: ReturnType<typeof chart>[] = [];
  for (const phase of ["grpo", "eval", "sft"]) {
    const names = metrics[phase] ?? [];
    const shown = names.filter((name) => FIRST[phase]!.includes(name) || more.includes(`${phase}:${name}`));
    if (!shown.length) continue;
    const grid = h("div", { class: "charts" });
    for (const name of shown) {
      const one = chart(titles[name] ?? name, { run: runs, phase, metric: name, axis, seeds: seeds ? "band" : "" });
      drawn.push(one);
      grid.append(one.element);
    }
    const rest = names.filter((name) => !shown.includes(name));
    element.append(h("section", {}, h("h2", {}, PHASES[phase]!), grid,
      rest.length ? choice("Add a curve", [["", `${rest.length} more …`], ...rest.map((name): [string, string] => [name, name])], "", (name) => go(address(location.pathname, { metric: [...more, `${phase}:${name}`] }), true)) : null));
  }
  const again = async (): Promise<void> => void (await Promise.all(drawn.map((one) => one.again())));
  return { element, again };
}

export function showRun(root: HTMLElement): () => void {
  const name = state().get("run") ?? "";
  const head = h("div"), facts = h("div"), pictures = h("div"), rest = h("div");
  fill(root, head, facts, pictures, rest);
  let drawn: ReturnType<typeof curves> | undefined, version = "", listed = "";

  async function load(): Promise<void> {
    const told = await ask<RunDetail>("run", { run: name });
    if (told.version === version) return;
    version = told.version;
    const shown = visible(name === "." ? "This run" : name);
    document.title = `${shown} · Sleuth`;
    fill(head,
      h("p", { class: "crumbs" }, h("a", { href: "/" }, "Runs"), " / ", shown),
      h("div", { class: "title" }, h("h1", {}, shown), badges(told)),
      told.fault ? failure(told.fault) : h("p", { class: "quiet" }, visible(`${told.task} · mode ${told.mode} · ${told.model} · seed ${told.seed}`)));
    fill(facts, cards(told), h("p", { class: "actions" },
      h("a", { class: "button", href: address("/read", { run: name }, false) }, "Read what it wrote"), " ",
      h("a", { class: "button plain", href: address("/compare", { run: name }, false) }, "Compare with others")), alarms(told));
    const names = JSON.stringify(told.metrics);
    if (names !== listed) {
      listed = names;
      drawn = curves([name], told.metrics, told.titles, false);
      fill(pictures, Object.keys(told.metrics).length ? h("div", { class: "toolbar" }, choice("Axis", AXES, state().get("axis") ?? "step", (axis) => go(address("/run", { axis: axis === "step" ? null : axis }), true))) : null, drawn.element);
    }
    fill(rest, evaluations([told.evaluations], [shown]), remarks(told), recipe(told));
    await drawn?.again();
  }

  load().catch((error: unknown) => fill(head, h("p", { class: "crumbs" }, h("a", { href: "/" }, "Runs")), failure(error)));
  return poll(4, load);
}

function cards(told: RunDetail): HTMLElement {
  const card = (label: string, value: Child, under: Child): HTMLElement => h("div", {}, h("dt", {}, label), h("dd", {}, h("span", { class: "value" }, value), h("span", { class: "note" }, under)));
  return h("dl", { class: "headlines" },
    card(told.stage === "before" || !told.stage ? "puzzles solved, untrained" : "puzzles solved, held out", told.solved ? percent(told.solved.mean) : "–",
      told.solved ? [range(told.solved, (v) => (100 * v).toFixed(1)), told.before ? ` · before ${percent(told.before.mean)}` : null].flat() as never : "not measured yet"),
    card("reward of the newest step", told.reward == null ? "–" : percent(told.reward), "questions answered right"),
    card("steps", told.step === undefined ? "–" : `${told.step} / ${told.steps}`, told.phase === "sft" ? "warm start" : "GRPO"),
    card("time", told.seconds ? duration(told.seconds) : "–", "training and evaluation"));
}

/** Each kind of alarm once, with its newest figures and the steps in which it was raised. */
function alarms(told: RunDetail): Child {
  if (!told.alarm_list.length) return null;
  const kinds = new Map<string, RunDetail["alarm_list"]>();
  for (const alarm of told.alarm_list) kinds.set(String(alarm.name), [...(kinds.get(String(alarm.name)) ?? []), alarm]);
  const step = (at: number | undefined): Child[] => [" ", h("a", { href: address("/read", { run: told.run, from: String(at), to: String(at) }, false) }, visible(String(at)))];
  return h("section", { class: "alarms" }, h("h2", {}, "Alarms"), h("ul", {}, [...kinds].slice(0, 20).map(([name, raised]) => {
    const newest = raised[raised.length - 1]!;
    return h("li", {}, h("b", {}, visible(name)), visible(`: ${newest.figures}. `), h("span", { class: "quiet" }, visible(`Try: ${newest.remedy}.`)),
      ` Completions of step${raised.length > 1 ? "s" : ""}`, raised.slice(-12).flatMap((alarm) => step(alarm.step)));
  })));
}

/** A table of evaluations of one run or several. */
export function evaluations(of: Evaluation[][], names: string[]): Child {
  const rows = of.flatMap((list, i) => list.map((one) => ({ one, name: names[i] ?? "" })));
  if (!rows.length) return null;
  return h("section", {}, h("h2", {}, "Evaluations"), h("p", { class: "quiet" }, "Means over held-out puzzles with 95 % intervals."),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Evaluations" }, h("table", { class: of.length > 1 ? "evaluated" : "" },
      h("thead", {}, h("tr", {}, of.length > 1 ? h("th", { scope: "col" }, "Run") : null, h("th", { scope: "col" }, "Evaluation"), ["Puzzles solved", "Questions right", "Readable", "Length, tokens"].map((text) => h("th", { scope: "col", class: "number" }, text)))),
      h("tbody", {}, rows.map(({ one, name }) => h("tr", {}, of.length > 1 ? h("td", {}, name) : null, h("th", { scope: "row" }, visible(one.label)),
        ["strict", "share", "readable"].map((key) => h("td", { class: "number" }, share(one.figures[key]))),
        h("td", { class: "number" }, length(one.figures.length_tokens))))))));
}

function length(figure: Evaluation["figures"][string] | undefined): Child {
  return figure ? h("span", {}, figure.mean.toFixed(1), range(figure, (value) => value.toFixed(1))) : "–";
}

function remarks(told: RunDetail): Child {
  const said: string[] = [];
  if (told.thinned > 1) said.push(`The log is long: every ${told.thinned}th line is shown, and sums over it are estimates.`);
  if (told.unreadable_lines) said.push(`${told.unreadable_lines} lines of the log could not be read and are left out.`);
  return said.length ? h("p", { class: "notice" }, said.join(" ")) : null;
}

function recipe(told: RunDetail): Child {
  if (!told.recipe.length) return null;
  const all = h("input", { type: "checkbox", checked: state().has("all"), onchange: () => { note({ all: all.checked ? "1" : null }); draw(); } });
  const body = h("tbody");
  const draw = (): void => fill(body, told.recipe.filter(([, , plain]) => all.checked || !plain).map(([key, value]) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, key)), h("td", {}, visible(value)))));
  draw();
  const machine = Object.entries(told.environment).filter(([, value]) => typeof value === "string" || typeof value === "number");
  return h("section", {}, h("h2", {}, "Recipe"), h("label", { class: "check" }, all, " also the keys at their defaults"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Recipe" }, h("table", { class: "keys" }, h("thead", { class: "hidden-label" }, h("tr", {}, h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "Value"))), body)),
    machine.length ? h("p", { class: "quiet" }, "Made on: ", visible(machine.map(([key, value]) => `${key} ${value}`).join(", "))) : null);
}
