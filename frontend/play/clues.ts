// The clues of a case: tapped they say whom they speak of, then fade; those that a reason cites glow for a while.

import { h } from "../common/dom";
import { visible } from "../common/text";

/** How long clues that a reason cites are marked. */
const CITED_MS = 6000;

export class Clues {
  readonly element: HTMLElement;
  private readonly items: HTMLElement[];
  private readonly faded: Set<number>;
  private pinned: number | undefined;
  private spent: readonly boolean[] = [];
  private flashing = 0;

  /** `about`: the names that each clue speaks of; `point` shows names in the notebook; `changed` is told of a tap. */
  constructor(
    texts: readonly string[],
    private readonly about: readonly string[][],
    faded: Iterable<number>,
    private readonly point: (names: string[]) => void,
    private readonly changed: () => void,
  ) {
    this.faded = new Set(faded);
    this.items = texts.map((text, clue) => this.drawn(text, clue));
    this.element = h("ol", { class: "clues" }, this.items);
  }

  /** Those that the player faded. */
  used(): number[] {
    return [...this.faded];
  }

  /** Fades what the player faded and what has nothing more to say. */
  fade(spent: readonly boolean[] = this.spent): void {
    this.spent = spent;
    this.items.forEach((item, clue) => {
      item.classList.toggle("used", this.faded.has(clue) || spent[clue] === true);
      item.classList.toggle("pinned", this.pinned === clue);
      item.firstElementChild?.setAttribute("aria-pressed", String(this.faded.has(clue)));
    });
  }

  /** Points at the names of the clue that was tapped, or at none. */
  repoint(): void {
    this.point(this.names(this.pinned));
  }

  /** Marks clues for a while. */
  flash(clues: readonly number[]): void {
    this.items.forEach((item, clue) => item.classList.toggle("cited", clues.includes(clue)));
    window.clearTimeout(this.flashing);
    this.flashing = window.setTimeout(() => this.items.forEach((item) => item.classList.remove("cited")), CITED_MS);
  }

  private names(clue: number | undefined): string[] {
    return clue === undefined ? [] : (this.about[clue] ?? []);
  }

  private drawn(text: string, clue: number): HTMLElement {
    const point = (): void => this.point(this.names(clue));
    const button = h("button", { type: "button", onclick: () => this.tap(clue) }, visible(text));
    const item = h("li", {}, button);
    item.addEventListener("pointerenter", point);
    item.addEventListener("pointerleave", () => this.repoint());
    button.addEventListener("focus", point);
    button.addEventListener("blur", () => this.repoint());
    return item;
  }

  private tap(clue: number): void {
    if (this.pinned === clue) {
      this.pinned = undefined;
      if (!this.faded.delete(clue)) this.faded.add(clue);
    } else this.pinned = clue;
    this.changed();
  }
}
