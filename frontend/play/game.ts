// One case being played: clues, notebook, hints, and how it ends.

import { fill, h } from "../common/dom";
import { visible } from "../common/text";
import { Accusation } from "./accusation";
import type { Case, Fact, Step } from "./cases";
import { Clues } from "./clues";
import { Hints } from "./hints";
import { BLANK, CROSS, type Mark, Marks, TICK } from "./marks";
import { type Cell, Notebook } from "./notebook";
import { Prover } from "./prover";
import { keep, placeOf, recall } from "./store";
import { watching } from "./watch";

type Pen = "cycle" | "cross" | "tick";

const PICTURE = "data:image/svg+xml;charset=utf-8,";
const NOT_PROVED =
  "Not proved yet: your marks, the rules and three clues do not show this. It may still be so; find a reason first.";

export function clock(seconds: number): string {
  const [hours, rest] = [Math.floor(seconds / 3600), seconds % 3600];
  const minutes = String(Math.floor(rest / 60)).padStart(hours ? 2 : 1, "0");
  return `${hours ? `${hours}:` : ""}${minutes}:${String(Math.floor(rest % 60)).padStart(2, "0")}`;
}

export class Game {
  readonly element: HTMLElement;
  private readonly marks: Marks;
  private readonly notebook: Notebook;
  private readonly prover: Prover;
  private readonly clues: Clues;
  private readonly hints: Hints;
  private readonly said = h("p", { class: "said", role: "status" });
  private readonly time = h("output", { class: "number", "aria-label": "Time" });
  private readonly undoButton = h("button", { type: "button", title: "Undo (u)", onclick: () => this.undo() }, "Undo");
  private readonly pens = h("fieldset", { class: "pens" });
  private readonly accusation: Accusation;
  private readonly board: HTMLImageElement;
  /** Where it is kept. */
  private readonly place: string;
  private readonly past: Mark[][][] = [];
  private readonly timer: number;
  private seconds: number;
  private proof: boolean;
  private free: boolean;
  private solved: boolean;
  private over = false;
  private pen: Pen = "cycle";
  private fading = 0;

  constructor(
    key: string,
    private readonly played: Case,
    private readonly link: string,
  ) {
    this.place = placeOf(key, played);
    const kept = recall(this.place);
    this.marks = new Marks(played.logic.sizes, played.tables, kept?.marks);
    this.seconds = kept?.seconds ?? 0;
    this.proof = kept?.proof ?? false;
    this.free = kept?.free ?? !this.proof;
    this.solved = kept?.solved ?? false;
    this.prover = new Prover(played.logic);
    this.notebook = new Notebook(played.tables, (cell, mark) => this.press(cell, mark));
    this.clues = new Clues(played.clues, played.about, kept?.used ?? [], (names) => this.notebook.point(names), () => this.refresh());
    this.hints = new Hints(
      kept?.hints ?? 0, key, played, this.marks, this.notebook,
      (...parts) => this.say(...parts), (clues) => this.clues.flash(clues), (step) => this.markStep(step),
    );
    this.board = h("img", { class: "board", alt: played.board.text, src: PICTURE + encodeURIComponent(played.board.svg) });
    this.accusation = new Accusation(
      played.questions,
      () => this.accused(),
      () => this.end("The case is closed without you."),
    );
    this.element = this.drawn();
    this.timer = window.setInterval(() => this.tick(), 1000);
    this.element.addEventListener("keydown", (event) => this.keys(event));
    this.choosePen("cycle");
    if (this.proof) this.hints.prepare(); // says what is accepted where three clues are not enough
    this.refresh();
    if (this.solved) this.end("You solved this case before.");
  }

  /** Stops the clock. */
  close(): void {
    window.clearInterval(this.timer);
    window.clearTimeout(this.fading);
  }

  // The page

  private drawn(): HTMLElement {
    const { played } = this;
    const part = (id: string, title: string, ...children: (Node | string)[]): HTMLElement =>
      h("section", { class: "card", id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...children);
    const go = (id: string, label: string): HTMLElement =>
      h("button", { type: "button", onclick: () => document.getElementById(id)?.scrollIntoView() }, label);
    const told = played.intro.map((text) => h("p", {}, visible(text)));
    // A page with a story ends with the rules, which nobody reads twice.
    const rules = told.length > 2 ? told.splice(-1) : [];
    const mode = h(
      "label",
      { class: "switch" },
      h("input", { type: "checkbox", id: "proof", checked: this.proof, onchange: (event: Event) => this.setProof((event.target as HTMLInputElement).checked) }),
      " Proof mode",
    );
    return h(
      "div",
      { class: "game" },
      h(
        "div",
        { class: "left" },
        part(
          "case",
          "The case",
          ...told,
          ...(rules.length ? [h("details", {}, h("summary", {}, "Rules"), ...rules)] : []),
        ),
        part(
          "clues",
          "Clues",
          h("p", { class: "quiet small" }, "Tap a clue to see whom it speaks of, and once more to fade it."),
          this.clues.element,
        ),
        part("board", "Board", this.board),
      ),
      h(
        "div",
        { class: "right" },
        part(
          "notebook",
          "Notebook",
          h(
            "div",
            { class: "tools" },
            h("span", { class: "clock" }, "Time ", this.time),
            mode,
            this.pens,
            this.undoButton,
            h("button", { type: "button", title: "Hint (h)", onclick: () => this.hint() }, "Hint"),
          ),
          this.said,
          this.notebook.element,
          h("p", { class: "quiet small" }, "Keys: arrows move, Enter marks, x crosses out, v ticks, h gives a hint, u undoes."),
        ),
        part("accuse", "Accuse", this.accusation.element),
        ...(played.attempts.length ? [watching(played.attempts)] : []),
      ),
      h("nav", { class: "jump", "aria-label": "Parts of the page" }, go("case", "Case"), go("clues", "Clues"), go("board", "Board"), go("notebook", "Notebook"), go("accuse", "Accuse")),
    );
  }

  private choosePen(pen: Pen): void {
    this.pen = this.proof && pen === "cycle" ? "cross" : pen;
    const pens: [Pen, string][] = [["cycle", "Cycle"], ["cross", "✗ Cross"], ["tick", "✓ Tick"]];
    fill(
      this.pens,
      h("legend", { class: "hidden-label" }, "What a tap marks"),
      pens
        .filter(([name]) => !this.proof || name !== "cycle")
        .map(([name, label]) =>
          h(
            "label",
            {},
            h("input", { type: "radio", name: "pen", checked: this.pen === name, onchange: () => { this.pen = name; } }),
            h("span", {}, label),
          ),
        ),
    );
  }

  private refresh(): void {
    this.notebook.show(this.marks);
    this.time.textContent = clock(this.seconds);
    this.undoButton.disabled = this.past.length === 0;
    this.clues.fade();
    this.clues.repoint();
    this.save();
    window.clearTimeout(this.fading);
    // The mark is seen first: which clues have nothing more to say takes a moment in large cases.
    this.fading = window.setTimeout(() => {
      this.clues.fade(this.proof ? this.prover.spent(this.marks.facts()) : []);
    });
  }

  private save(): void {
    const { seconds, proof, free, solved } = this;
    keep(this.place, { marks: this.marks.all(), used: this.clues.used(), seconds, hints: this.hints.count, proof, free, solved });
  }

  private say(...parts: (Node | string)[]): void {
    fill(this.said, parts);
  }

  private tick(): void {
    if (document.hidden || this.over) return;
    this.seconds++;
    this.time.textContent = clock(this.seconds);
    if (this.seconds % 5 === 0) this.save();
  }

  private keys(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.tagName === "SELECT") return;
    if (event.key === "h") this.hint();
    else if (event.key === "u") this.undo();
    else return;
    event.preventDefault();
  }

  // Moves

  private press({ variable, value }: Cell, asked?: Mark): void {
    if (this.over) return;
    const now = this.marks.at(variable, value);
    const byPen: Record<Pen, Mark> = { cycle: ((now + 1) % 3) as Mark, cross: CROSS, tick: TICK };
    let mark = asked ?? byPen[this.pen];
    if (mark === now) mark = BLANK;
    const fact: Fact = [variable, value, mark === TICK ? 1 : 0];
    if (this.proof && mark !== BLANK && !this.marks.says(fact)) {
      if (!this.proved(fact)) return;
    } else this.say();
    this.past.push(this.marks.all());
    this.marks.set(variable, value, mark);
    this.hints.moved();
    this.refresh();
    if (this.marks.complete()) this.say("Every row has one value left. Accuse!");
  }

  /** Whether a mark is accepted in proof mode; says why, or that it is not. */
  private proved(fact: Fact): boolean {
    const known = this.marks.facts();
    const reason = this.prover.why(fact, known);
    const next = reason ? undefined : this.hints.next();
    if (!reason && !next?.facts.some((one) => String(one) === String(fact))) {
      this.say(this.played.steps ? NOT_PROVED : `${NOT_PROVED} (The explanation is still being made; try again soon.)`);
      return false;
    }
    this.clues.flash(reason?.clues ?? next?.clues ?? []);
    this.say(`Proved: ${this.notebook.phrase(fact)}. ${reason ? this.because(reason.clues, reason.known) : next?.text}`);
    return true;
  }

  private because(clues: readonly number[], known: readonly Fact[]): string {
    const cited = clues.map((clue) => clue + 1).join(", ");
    const given = known.map((fact) => this.notebook.phrase(fact)).join("; ");
    const lead = clues.length ? `By clue${clues.length > 1 ? "s" : ""} ${cited} and the rules` : "By the rules";
    return `${lead}${given ? `, since ${given}` : ""}.`;
  }

  private undo(): void {
    const before = this.past.pop();
    if (!before || this.over) return;
    before.forEach((row, variable) => row.forEach((mark, value) => this.marks.set(variable, value, mark)));
    this.say();
    this.refresh();
  }

  private setProof(proof: boolean): void {
    const wrong = proof ? this.marks.firstWrong(this.played.world) : undefined;
    if (wrong) {
      (this.element.querySelector("#proof") as HTMLInputElement).checked = false;
      this.say("A mark is not so. Find it first (a hint helps), or clear the notebook by undoing.");
      return;
    }
    this.proof = proof;
    this.free = this.free || !proof || this.past.length > 0;
    if (proof && this.past.length === 0 && this.marks.facts().length === 0) this.free = false;
    if (proof) this.past.length = 0; // marks without proof must not come back by undoing
    this.choosePen("cycle");
    if (this.proof) this.hints.prepare(); // says what is accepted where three clues are not enough
    this.say(proof ? "A mark now counts only if it follows from your marks, the rules and at most three clues." : "");
    this.refresh();
  }

  private hint(): void {
    if (!this.over) void this.hints.ask();
  }

  private markStep(step: Step): void {
    if (this.over) return;
    this.past.push(this.marks.all());
    for (const [variable, value, so] of step.facts) this.marks.set(variable, value, so ? TICK : CROSS);
    this.hints.moved();
    this.say(visible(step.text));
    this.refresh();
  }

  // The end

  private accused(): void {
    this.solved = true;
    this.save();
    this.end(`Case closed in ${clock(this.seconds)}${this.way()}.`);
  }

  private end(text: string): void {
    this.over = true;
    this.board.src = PICTURE + encodeURIComponent(this.played.solved.svg);
    this.board.alt = this.played.solved.text;
    this.accusation.close(`${text} The board now shows the solution.`, this.solved ? this.line() : null);
  }

  private way(): string {
    return this.proof && !this.free ? ", every mark proved" : "";
  }

  private line(): string {
    const { count } = this.hints;
    const hints = count === 0 ? "no hints" : count === 1 ? "1 hint" : `${count} hints`;
    return `Sleuth, ${this.link}: solved in ${clock(this.seconds)}, ${hints}${this.way()}`;
  }
}
