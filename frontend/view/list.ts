// The list of runs: sorted, searched, updated as they are written; or as a tree of forks and stages.

import { type Child, fill, h } from "../common/dom";
import { duration, percent, visible } from "../common/text";
import { address, note, state } from "./address";
import { type Branch, type RunLine, type Runs, ask } from "./data";
import { ago, badges, failure, field, poll, share, spark } from "./parts";

/** A row of the table, which stays the same element for as long as it is shown. */
interface Line { element: HTMLElement; show: (run: RunLine, depth: number, branch: Branch | undefined) => void }
type Column = { key: string; name: string; value: (run: RunLine) => number | string; cell: (run: RunLine) => Child | Child[]; number?: boolean };

const COLUMNS: Column[] = [
  { key: "run", name: "Run", value: (run) => run.run, cell: () => null },
  { key: "state", name: "State", value: (run) => `${run.alarms ? 0 : 1}${run.state}`, cell: badges },
  { key: "step", name: "Step", value: (run) => (run.steps ? (run.step ?? 0) / run.steps : 0), cell: progress, number: true },
  { key: "solved", name: "Puzzles solved", value: (run) => run.solved?.mean ?? -1, cell: (run) => share(run.solved), number: true },
  { key: "reward", name: "Reward", value: (run) => run.reward ?? -1, cell: (run) => (run.reward == null ? "–" : percent(run.reward)), number: true },
  { key: "course", name: "Course", value: (run) => run.reward ?? -1, cell: (run) => spark(run.course) },
  { key: "length", name: "Length, tokens", value: (run) => run.length ?? -1, cell: (run) => (run.length == null ? "–" : run.length.toFixed(0)), number: true },
  { key: "seconds", name: "Time", value: (run) => run.seconds ?? 0, cell: (run) => (run.seconds ? duration(run.seconds) : "–"), number: true },
  { key: "changed", name: "Changed", value: (run) => run.changed, cell: (run) => ago(run.changed), number: true },
];

function progress(run: RunLine): Child {
  if (run.step === undefined) return "–";
  return h("span", {}, `${run.step} / ${run.steps ?? "?"}`, h("span", { class: "range" }, run.phase === "sft" ? "warm start" : "GRPO"));
}

export function showList(root: HTMLElement): () => void {
  const body = h("tbody"), head = h("tr"), foot = h("p", { class: "quiet" }), bar = h("div", { class: "selection", role: "status" });
  const lines = new Map<string, Line>();
  let told: Runs | undefined, versions = "", barred: string | undefined, stopped = false;
  const search = field("Search runs", state().get("q") ?? "", (value) => { note({ q: value }); draw(); }, { placeholder: "name, task, model, state", size: "30" });
  const asTree = h("input", { type: "checkbox", checked: state().has("tree"), onchange: () => { note({ tree: asTree.checked ? "1" : null }); draw(); } });
  const title = h("h1", {}, "Runs");
  fill(root, title,
    h("div", { class: "toolbar" }, search, h("label", { class: "check" }, asTree, " forks and stages as a tree")),
    bar,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of runs" },
      h("table", { class: "runs" }, h("caption", { class: "hidden-label" }, "Runs with their state and figures"), h("thead", {}, head), body)),
    foot);

  const chosen = (): string[] => state().getAll("run");

  const upwards = (): boolean => state().get("order") === "up";
  const sortedBy = (one: Column): boolean => one.key === (state().get("sort") ?? "changed");
  const heads = COLUMNS.map((one) => {
    const sign = h("span", { "aria-hidden": "true" });
    const link = h("a", { onclick: (event: MouseEvent) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      note({ sort: one.key, order: sortedBy(one) && !upwards() ? "up" : null });
      draw();
    } }, one.name, sign);
    return { one, link, sign, cell: h("th", { scope: "col", class: one.number ? "number" : "" }, link) };
  });
  fill(head, h("th", { scope: "col" }, h("span", { class: "hidden-label" }, "Compare")), heads.map(({ cell }) => cell));

  function draw(): void {
    if (!told) return;
    const here = state(), up = upwards(), column = COLUMNS.find(sortedBy) ?? COLUMNS[0]!;
    for (const { one, link, sign, cell } of heads) {
      const on = one === column;
      cell.setAttribute("aria-sort", on ? (up ? "ascending" : "descending") : "none");
      link.setAttribute("href", address("/", { sort: one.key, order: on && !up ? "up" : null }));
      sign.textContent = on ? (up ? " ↑" : " ↓") : "";
    }
    const wanted = (here.get("q") ?? "").toLowerCase().split(/\s+/);
    const branches = new Map(told.tree.map((one) => [one.run, one]));
    let runs = told.runs.filter((run) => {
      const text = [run.run, run.task, run.model, run.mode, run.state, run.alarms ? "alarm" : "", run.fault].join(" ").toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    const sign = up ? 1 : -1;
    runs.sort((one, other) => {
      const a = column.value(one), b = column.value(other);
      const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
      return sign * order || one.run.localeCompare(other.run, "en", { numeric: true });
    });
    const depths = new Map<string, number>();
    if (here.has("tree")) runs = inTree(runs, branches, depths);
    place(runs.map((run) => {
      const line = lines.get(run.run) ?? newLine(run.run);
      lines.set(run.run, line);
      line.show(run, depths.get(run.run) ?? 0, branches.get(run.run));
      return line.element;
    }));
    fill(foot, runs.length === told.runs.length ? count(runs.length) : `${runs.length} of ${count(told.runs.length)}`);
    if (!told.runs.length) fill(foot, "No run is here yet. Train one, and it appears.");
    drawBar();
  }

  /** Puts the rows in order around the one that has the focus, which would lose it if it were moved. */
  function place(rows: HTMLElement[]): void {
    const still = rows.find((row) => row.contains(document.activeElement));
    const wanted = new Set<Element>(rows);
    for (const row of [...body.children]) if (!wanted.has(row)) row.remove();
    let last: HTMLElement | undefined;
    for (const row of rows) {
      if (still && row !== still && !last) still.before(row);
      else {
        if (row !== still && (last ? last.nextElementSibling : body.firstElementChild) !== row) {
          if (last) last.after(row);
          else body.prepend(row);
        }
        last = row;
      }
    }
  }

  /** Draws the bar anew only for another choice: a link that is replaced between press and release is not clicked. */
  function drawBar(): void {
    const runs = chosen();
    if (runs.join("\n") === barred) return;
    barred = runs.join("\n");
    fill(bar, runs.length ? [
      h("a", { class: "button", href: address("/compare", { run: runs }, false) }, runs.length === 1 ? "Show 1 run" : `Compare ${runs.length} runs`), " ",
      h("button", { type: "button", onclick: () => { note({ run: null }); draw(); } }, "Clear"),
    ] : h("span", { class: "quiet" }, "Tick runs to lay their curves over one another and to compare their recipes."));
  }

  function newLine(name: string): Line {
    const tick = h("input", {
      type: "checkbox", "aria-label": `Compare ${visible(name)}`,
      onchange: () => {
        const others = chosen().filter((other) => other !== name);
        note({ run: tick.checked ? [...others, name] : others });
        drawBar();
      },
    });
    const link = h("a", { href: address("/run", { run: name }, false) }, visible(name)), about = h("span");
    const title = h("th", { scope: "row" }, link, about);
    const cells = COLUMNS.slice(1).map((one) => ({ one, cell: h("td", { class: one.number ? "number" : "", "data-name": one.name }) }));
    const show = (run: RunLine, depth: number, branch: Branch | undefined): void => {
      tick.checked = chosen().includes(name);
      title.className = `depth-${Math.min(depth, 6)}`;
      if (name === ".") link.textContent = visible(told?.root ?? ".");
      const from = depth && branch?.how ? ["↳ ", visible(branch.how)] : branch?.outside ? ["↳ from ", visible(branch.outside)] : null;
      fill(about, h("span", { class: "range" }, run.fault ? visible(run.fault) : [visible(`${run.task} · ${run.mode}`), run.whole ? "" : " · reading its log …"]),
        from ? h("span", { class: "range" }, from) : null);
      for (const { one, cell } of cells) fill(cell, one.cell(run));
    };
    return { element: h("tr", {}, h("td", {}, tick), title, cells.map(({ cell }) => cell)), show };
  }

  async function load(): Promise<void> {
    do await read(); while (told?.runs.some((run) => !run.whole) && !stopped);
  }

  async function read(): Promise<void> {
    const fresh = await ask<Runs>("runs");
    const now = JSON.stringify(fresh.runs.map((run) => [run.run, run.version, run.alarms, run.changed]));
    told = fresh;
    fill(title, fresh.root === "runs" ? "Runs" : `Runs in ${visible(fresh.root)}`);
    if (now !== versions) {
      versions = now;
      draw();
    }
  }

  load().catch((error: unknown) => fill(foot, failure(error)));
  const stop = poll(2, load);
  return () => {
    stopped = true;
    stop();
  };
}

function count(runs: number): string {
  return runs === 1 ? "1 run" : `${runs} runs`;
}

/** Runs with those that descend from one behind it, and how deep each stands. */
function inTree(runs: RunLine[], branches: Map<string, Branch>, depths: Map<string, number>): RunLine[] {
  const here = new Set(runs.map((run) => run.run)), sorted: RunLine[] = [];
  const add = (run: RunLine, depth: number): void => {
    if (depths.has(run.run)) return;
    depths.set(run.run, depth);
    sorted.push(run);
    for (const child of runs) if (branches.get(child.run)?.parent === run.run) add(child, depth + 1);
  };
  for (const run of runs) {
    const parent = branches.get(run.run)?.parent;
    if (!parent || !here.has(parent)) add(run, 0);
  }
  for (const run of runs) add(run, 0); // those whose parents go in a circle
  return sorted;
}
