// Hints: the next step of the explanation, first where to look, then what follows, then marked.

import { h } from "../common/dom";
import { visible } from "../common/text";
import { type Case, type Step, stepsOf } from "./cases";
import type { Marks } from "./marks";
import type { Notebook } from "./notebook";

export class Hints {
  /** The step of which it was said where to look. */
  private told: Step | undefined;
  private warned = false;

  /** `count`: hints given so far; `say`, `flash` and `mark` show words and clues, and mark a step in the notebook. */
  constructor(
    public count: number,
    private readonly key: string,
    private readonly played: Case,
    private readonly marks: Marks,
    private readonly notebook: Notebook,
    private readonly say: (...parts: (Node | string)[]) => void,
    private readonly flash: (clues: readonly number[]) => void,
    private readonly mark: (step: Step) => void,
  ) {}

  /** Asks for the explanation ahead. */
  prepare(): void {
    stepsOf(this.key, this.played).catch(() => undefined); // a hint says what is wrong
  }

  /** The first step of the explanation that is not marked yet; of one that is still being made, none. */
  next(): Step | undefined {
    return this.played.steps?.find((step) => !step.facts.every((fact) => this.marks.says(fact)));
  }

  /** A mark was made: the next hint begins with where to look. */
  moved(): void {
    this.told = undefined;
  }

  /** First where to look; asked again, what follows and why, with a button that marks it. */
  async ask(): Promise<void> {
    const wrong = this.marks.firstWrong(this.played.world);
    if (wrong) {
      this.say(this.warned ? `This mark is not so: ${this.notebook.phrase(wrong)}.` : "One of your marks is not so. Ask again to see which.");
      if (this.warned) this.notebook.point([], [wrong]);
      this.warned = !this.warned;
      return;
    }
    if (!this.played.steps) this.say("Looking for the next step…");
    try {
      await stepsOf(this.key, this.played);
    } catch (error) {
      this.say(`No hint: ${(error as Error).message}`);
      return;
    }
    const step = this.next();
    if (!step) this.say("Everything has been found. Accuse!");
    else if (this.told !== step) this.tellWhere(step);
    else this.tellWhat(step);
  }

  private tellWhere(step: Step): void {
    this.told = step;
    this.count++;
    const where = step.clues.map((clue) => `clue ${clue + 1}`);
    if (step.rules.length) where.push("the rules");
    const known = step.known.length ? ", with what is marked where the notebook glows" : "";
    this.say(`Look at ${where.join(", ") || "what is left"}${known}. Ask again to see what follows.`);
    this.notebook.point([], step.known);
    this.flash(step.clues);
  }

  private tellWhat(step: Step): void {
    const mark = h("button", { type: "button", onclick: () => this.mark(step) }, "Mark it");
    this.say(visible(step.text), " ", mark);
    this.notebook.point([], [...step.known, ...step.facts]);
    this.flash(step.clues);
  }
}
