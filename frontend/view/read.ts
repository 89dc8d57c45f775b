// The reading room: every stored completion, filtered, sorted and searched; one of them in full beside the list.

import { fill, h } from "../common/dom";
import { percent, visible } from "../common/text";
import { address, note, state } from "./address";
import { showCompletion } from "./completion";
import { type Row, type Rows, type Words, ask, meanings } from "./data";
import { choice, failure, field, poll, short } from "./parts";

const SORTS: [string, string][] = [
  ["place", "newest step first"], ["reward", "reward"], ["advantage", "advantage"], ["length", "length"], ["outcome", "outcome"],
  ["sound", "share of sentences derived"], ["chain", "sentences derived"], ["lucky", "lucky sentences"], ["false", "false sentences"],
  ["unread", "unread sentences"], ["script", "letters of another script"], ["puzzle", "puzzle"],
];
const HAS: [string, string][] = [
  ["", "anything"], ["derived", "a derived sentence"], ["lucky", "a lucky sentence"], ["false", "a false sentence"], ["repeated", "a repeated sentence"],
  ["unread", "an unread sentence"], ["right", "a right line"], ["wrong", "a wrong line"], ["script", "another script"],
];
const FILTERS = ["source", "puzzle", "outcome", "text", "from", "to", "has", "alarm", "sort", "order", "page"];

export function showReading(root: HTMLElement): () => void {
  const run = state().get("run") ?? "";
  const toolbar = h("div", { class: "toolbar" }), list = h("ol", { class: "rows" }), pager = h("div", { class: "pager" }), detail = h("section", { class: "detail", "aria-label": "Completion" });
  const status = h("p", { class: "quiet", role: "status" }), broken = h("div");
  const shown = visible(run === "." ? "this run" : run);
  document.title = `Read ${shown} · Sleuth`;
  fill(root, h("p", { class: "crumbs" }, h("a", { href: "/" }, "Runs"), " / ", h("a", { href: address("/run", { run }, false) }, shown), " / Read"),
    h("h1", { class: "hidden-label" }, `What ${shown} wrote`), toolbar, broken,
    h("div", { class: "reading-room" }, h("section", { class: "list", "aria-label": "Completions" }, status, list, pager), detail));
  let told: Rows | undefined, words: Words | undefined, offered = "", asked = 0, stopDetail = (): void => undefined;

  const set = (changes: Record<string, string | null>): void => {
    note({ page: null, ...changes });
    void load();
  };

  function draw(): void {
    if (!told || !words) return;
    const here = state();
    const offers = JSON.stringify([Object.keys(told.sources).sort(), Object.keys(told.outcomes).sort(), told.alarm_steps.length > 0]);
    if (offers !== offered && !toolbar.contains(document.activeElement)) {
      offered = offers;
      const outcomes = Object.keys(told.outcomes).sort();
      fill(toolbar,
        field("Text", here.get("text") ?? "", (value) => set({ text: value }), { placeholder: "search completions" }),
        choice("From", [["", "everything"], ...Object.keys(told.sources).sort().map((name): [string, string] => [name, name === "training" ? "training" : `evaluation ${name}`])], here.get("source") ?? "", (value) => set({ source: value })),
        choice("Outcome", [["", "any"], ...outcomes.map((name): [string, string] => [name, name])], here.get("outcome") ?? "", (value) => set({ outcome: value })),
        choice("Has", HAS, here.get("has") ?? "", (value) => set({ has: value })),
        field("Puzzle", here.get("puzzle") ?? "", (value) => set({ puzzle: value }), { placeholder: "part of its name" }),
        field("Steps from", here.get("from") ?? "", (value) => set({ from: value }), { inputmode: "numeric", size: "4" }),
        field("to", here.get("to") ?? "", (value) => set({ to: value }), { inputmode: "numeric", size: "4" }),
        told.alarm_steps.length ? choice("Alarms", [["", "all steps"], ["1", "steps with an alarm"]], here.get("alarm") ?? "", (value) => set({ alarm: value })) : null,
        choice("Sort by", SORTS, here.get("sort") ?? "place", (value) => set({ sort: value === "place" ? null : value })),
        choice("Order", [["down", "down"], ["up", "up"]], here.get("order") ?? "down", (value) => set({ order: value === "up" ? "up" : null })));
    }
    const page = Number(here.get("page") ?? 0), pages = Math.max(1, Math.ceil(told.count / told.page_size));
    fill(status, `${told.count.toLocaleString("en")} completions`, told.indexed < told.files ? ` so far; ${told.indexed} of ${told.files} files are read` : "");
    fill(list, told.rows.map((row) => item(row)));
    fill(pager, pages > 1 ? [
      h("button", { type: "button", disabled: page <= 0, onclick: () => set({ page: String(page - 1) }) }, "← Page"),
      h("span", { class: "quiet" }, ` ${page + 1} of ${pages} `),
      h("button", { type: "button", disabled: page + 1 >= pages, onclick: () => set({ page: String(page + 1) }) }, "Page →")] : null);
    const names = Object.entries(told.broken);
    fill(broken, names.length ? h("details", { class: "notice" }, h("summary", {}, `${names.length} file${names.length > 1 ? "s" : ""} could not be read and ${names.length > 1 ? "are" : "is"} left out`),
      h("ul", {}, names.slice(0, 20).map(([name, why]) => h("li", {}, visible(`${name}: ${why}`))))) : null);
    mark();
  }

  function item(row: Row): HTMLElement {
    const outcome = words!.outcomes[row.outcome];
    const dot = h("span", { class: `dot ${row.outcome}`, "aria-hidden": "true" }, outcome?.sign ?? "?");
    const where = row.source === "training" ? `step ${row.step}` : row.source;
    return h("li", { "data-key": `${row.file}:${row.row}` }, h("a", { href: address("/read", { file: row.file, row: String(row.row), tab: null }), onclick: (event: MouseEvent) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      choose(row);
    } },
      h("span", { class: "line" }, dot, h("b", {}, visible(row.outcome)), h("span", { class: "number" }, percent(row.reward)),
        row.advantage === null ? null : h("span", { class: "quiet", title: "advantage" }, `A ${row.advantage >= 0 ? "+" : "−"}${Math.abs(row.advantage).toFixed(2)}`), h("span", { class: "quiet" }, `${row.length} tokens`)),
      h("span", { class: "line quiet" }, visible(`${where} · ${short(row.puzzle)} #${row.sample}`), bar(row)),
      h("span", { class: "snippet" }, visible(row.snippet))));
  }

  function choose(row: Row): void {
    note({ file: row.file, row: String(row.row) });
    open();
  }

  function open(): void {
    stopDetail();
    const here = state(), file = here.get("file"), row = here.get("row");
    mark();
    root.classList.toggle("chosen-one", Boolean(file));
    if (!file || row === null) {
      fill(detail, h("p", { class: "quiet hint" }, "Choose a completion. ", h("kbd", {}, "n"), " and ", h("kbd", {}, "p"), " go to the next and the previous one."));
      return;
    }
    stopDetail = showCompletion(detail, run, file, Number(row), () => { note({ file: null, row: null, tab: null }); open(); });
  }

  function mark(): void {
    const key = `${state().get("file")}:${state().get("row")}`;
    for (const element of list.children) {
      const on = element.getAttribute("data-key") === key;
      element.classList.toggle("chosen", on);
      if (on) {
        element.querySelector("a")?.setAttribute("aria-current", "true");
        element.scrollIntoView({ block: "nearest" });
      } else element.querySelector("a")?.removeAttribute("aria-current");
    }
  }

  async function step(by: 1 | -1): Promise<void> {
    if (!told?.rows.length) return;
    const at = told.rows.findIndex((row) => `${row.file}:${row.row}` === `${state().get("file")}:${state().get("row")}`);
    const next = at < 0 ? (by > 0 ? 0 : told.rows.length - 1) : at + by;
    const page = Number(state().get("page") ?? 0);
    if (next < 0 || next >= told.rows.length) {
      if (page + by < 0 || (page + by) * told.page_size >= told.count) return;
      note({ page: String(page + by) });
      await load();
      const row = by > 0 ? told.rows[0] : told.rows[told.rows.length - 1];
      if (row) choose(row);
      return;
    }
    choose(told.rows[next]!);
  }

  const keys = (event: KeyboardEvent): void => {
    const inside = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || inside.closest("input, select, textarea")) return;
    if (event.key === "n" || event.key === "j") void step(1);
    else if (event.key === "p" || event.key === "k") void step(-1);
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", keys);

  async function load(): Promise<void> {
    const number = ++asked, here = state();
    const of: Record<string, string> = { run };
    for (const name of FILTERS) if (here.get(name)) of[name] = here.get(name)!;
    try {
      const fresh = await ask<Rows>("completions", of);
      if (number !== asked) return;
      told = fresh;
      draw();
    } catch (error) {
      if (number === asked) fill(status, failure(error));
    }
  }

  // Until all files are read, and of a run that goes on for ever, the list grows.
  const stop = poll(1, async () => { if (told && (told.indexed < told.files || told.state === "running")) await load(); });
  void meanings().then((known) => { words = known; return load(); }).then(open).catch((error: unknown) => fill(status, failure(error)));
  return () => {
    stop();
    stopDetail();
    document.removeEventListener("keydown", keys);
    root.classList.remove("chosen-one");
  };
}

/** How the sentences of a completion were judged, as a bar. */
function bar(row: Row): HTMLElement | null {
  const counts: [string, number][] = [["derived", row.n_derived + row.n_right], ["lucky", row.n_lucky], ["repeated", row.n_repeated + row.n_empty], ["false", row.n_false + row.n_wrong], ["unread", row.n_unread]];
  const whole = counts.reduce((sum, [, count]) => sum + count, 0);
  if (!whole) return null;
  const label = counts.filter(([, count]) => count).map(([name, count]) => `${count} ${name}`).join(", ");
  const element = h("span", { class: "bar", role: "img", "aria-label": label, title: label });
  for (const [name, count] of counts) {
    if (!count) continue;
    const part = h("i", { class: name });
    part.style.flexGrow = String(count);
    element.append(part);
  }
  return element;
}
