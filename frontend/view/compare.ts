// Several runs: their curves over one another, what differs in their recipes, and evaluations in pairs.

import { type Child, fill, h } from "../common/dom";
import { visible } from "../common/text";
import { address, go, note, state } from "./address";
import { type Compared, type Difference, type Runs, ask } from "./data";
import { badges, choice, failure, poll } from "./parts";
import { AXES, curves, evaluations } from "./run";

const MOST_RUNS = 20;

export function showCompare(root: HTMLElement): () => void {
  const names = state().getAll("run").slice(0, MOST_RUNS);
  const seeds = state().get("seeds") !== "each";
  const chosen = h("div"), pictures = h("div"), rest = h("div");
  document.title = "Compare · Sleuth";
  fill(root, h("p", { class: "crumbs" }, h("a", { href: "/" }, "Runs"), " / Compare"), h("h1", {}, "Compare"), chosen, pictures, rest);
  if (!names.length) {
    void choose(chosen, []).catch((error: unknown) => fill(chosen, failure(error)));
    return () => undefined;
  }
  let drawn: ReturnType<typeof curves> | undefined, listed = "", versions = "";

  async function load(): Promise<void> {
    const told = await ask<Compared>("compare", { run: names });
    const now = JSON.stringify(told.runs.map((run) => run.version));
    if (now === versions) return;
    versions = now;
    const metrics = JSON.stringify(told.metrics);
    if (metrics !== listed) {
      listed = metrics;
      drawn = curves(names, told.metrics, told.titles, seeds);
      fill(pictures, h("div", { class: "toolbar" },
        choice("Axis", AXES, state().get("axis") ?? "step", (axis) => go(address("/compare", { axis: axis === "step" ? null : axis }), true)),
        choice("Seeds", [["band", "mean and range"], ["each", "each by itself"]], seeds ? "band" : "each", (value) => go(address("/compare", { seeds: value === "each" ? "each" : null }), true))),
        drawn.element);
    }
    fill(rest, differing(told), pairs(told), evaluations(told.evaluations, told.runs.map((run) => visible(run.run))));
    await drawn?.again();
  }

  void choose(chosen, names).catch((error: unknown) => fill(chosen, failure(error)));
  load().catch((error: unknown) => fill(pictures, failure(error)));
  return poll(4, load);
}

async function choose(element: HTMLElement, names: string[]): Promise<void> {
  const all = await ask<Runs>("runs");
  const others = all.runs.map((run) => run.run).filter((name) => !names.includes(name));
  fill(element, h("ul", { class: "chips" }, names.map((name) => {
    const run = all.runs.find((one) => one.run === name);
    return h("li", {}, h("a", { href: address("/run", { run: name }, false) }, visible(name)), " ", run ? badges(run) : null, " ",
      h("a", { class: "away", href: address("/compare", { run: names.filter((one) => one !== name) }), "aria-label": `Leave out ${visible(name)}` }, "×"));
  })), others.length ? h("div", { class: "toolbar" }, choice("Add a run", [["", "choose …"], ...others.map((name): [string, string] => [name, name])], "", (name) => go(address("/compare", { run: [...names, name] })))) : null);
}

function differing(told: Compared): Child {
  if (told.runs.length < 2) return null;
  const body = told.differences.length ? h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Recipes" }, h("table", { class: "keys" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Key"), told.runs.map((run) => h("th", { scope: "col" }, visible(run.run))))),
    h("tbody", {}, told.differences.map((one) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, one.key)), one.values.map((value) => h("td", {}, value === null ? "–" : visible(value))))))))
    : h("p", {}, "Their recipes are the same.");
  return h("section", {}, h("h2", {}, "What differs in their recipes"), body);
}

function pairs(told: Compared): Child {
  const options = told.runs.flatMap((run, i) => (told.evaluations[i] ?? []).map((one): [string, string] => [`${run.run}\n${one.name}`, told.runs.length > 1 ? `${run.run}: ${one.label}` : one.label]));
  if (options.length < 2) return null;
  const result = h("div", { role: "status" });
  const stages = options.filter(([key]) => !/\n(guessing|solver)$/.test(key));
  const of = stages.length > 1 ? stages : options;
  // At first the latest stages of the first run and the last; where they share no puzzle, or of one run, its first stage and its last.
  const latest = told.runs.flatMap((run) => of.filter(([key]) => key.startsWith(`${run.run}\n`)).slice(-1)).map(([key]) => key);
  const within = [of[0]![0], latest[0] ?? of[of.length - 1]![0]] as const;
  const across = latest.length > 1 ? [latest[0]!, latest[latest.length - 1]!] as const : within;
  let first = state().get("pair") ?? across[0], second = state().get("with") ?? across[1];
  const pick = h("div", { class: "toolbar pair" });
  const drawPick = (): void => fill(pick, choice("First", options, first, (value) => { first = value; void show(); }), choice("Second", options, second, (value) => { second = value; void show(); }));
  const show = async (otherwise?: readonly [string, string]): Promise<void> => {
    const [run, evaluation] = first.split("\n"), [other, other_evaluation] = second.split("\n");
    try {
      const told = await ask<Difference>("difference", { run, evaluation, other, other_evaluation });
      if (!told.shared && otherwise) {
        [first, second] = otherwise;
        drawPick();
        return show();
      }
      fill(result, difference(told));
    } catch (error) {
      fill(result, failure(error));
    }
    note({ pair: first, with: second });
  };
  drawPick();
  void show(state().has("pair") || across === within ? undefined : within);
  return h("section", {}, h("h2", {}, "Paired difference"), h("p", { class: "quiet" }, "The second minus the first, puzzle by puzzle, with 95 % intervals."), pick, result);
}

function difference(told: Difference): Child[] {
  if (!told.shared) return [h("p", { class: "notice" }, "These two have no puzzle in common, so they cannot be compared puzzle by puzzle.")];
  const signed = (value: number, scale: number): string => `${value < 0 ? "−" : "+"}${Math.abs(scale * value).toFixed(1)}`;
  const names: [string, string, number][] = [["strict", "Puzzles solved, points", 100], ["share", "Questions right, points", 100], ["readable", "Readable, points", 100], ["length_tokens", "Length, tokens", 1]];
  return [h("dl", { class: "headlines" }, names.map(([key, label, scale]) => {
    const figure = told.figures[key];
    if (!figure) return null;
    const ends = figure.low === null || figure.high === null ? "" : `${signed(figure.low, scale)} … ${signed(figure.high, scale)}`;
    return h("div", {}, h("dt", {}, label), h("dd", {}, h("span", { class: "value" }, signed(figure.mean, scale)), h("span", { class: "note" }, ends)));
  })), h("p", { class: "quiet" }, told.shared === told.all ? `${told.shared} puzzles` : `${told.shared} puzzles that both asked, of ${told.all}`)];
}
