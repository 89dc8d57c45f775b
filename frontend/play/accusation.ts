// The questions of a case, answered by the player, and the verdict.

import { fill, h } from "../common/dom";
import { visible } from "../common/text";
import type { Question } from "./cases";

export class Accusation {
  readonly element: HTMLElement;
  private readonly form: HTMLFormElement;
  private readonly verdict = h("div", { class: "verdict", role: "status" });

  /** `solved`: every answer is right; `givenUp`: the player wants no more. Both then call `close`. */
  constructor(
    private readonly questions: readonly Question[],
    private readonly solved: () => void,
    givenUp: () => void,
  ) {
    this.form = h(
      "form",
      {},
      questions.map((question) => this.asked(question)),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "submit", class: "main" }, "Accuse"),
        h("button", { type: "button", onclick: givenUp }, "Give up"),
      ),
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.judge(new FormData(this.form));
    });
    this.element = h("div", {}, this.form, this.verdict);
  }

  /** Shows the answers and a last word; `line` is what a player who solved the case may share. */
  close(text: string, line: string | null): void {
    for (const question of this.questions) {
      const select = this.form.querySelector<HTMLSelectElement>(`#answer-${question.letter}`);
      if (select) {
        select.value = question.answer;
        select.disabled = true;
      }
      fill(this.form.querySelector(`#grade-${question.letter}`) as Element, line === null ? "" : "✓");
    }
    for (const button of this.form.querySelectorAll("button")) button.disabled = true;
    fill(this.verdict, h("p", { class: "closed" }, text), line !== null && shared(line));
  }

  private asked(question: Question): HTMLElement {
    const id = `answer-${question.letter}`;
    return h(
      "p",
      { class: "question" },
      h("label", { for: id }, visible(`${question.letter}. ${question.text}`)),
      h(
        "select",
        { id, name: question.letter },
        h("option", { value: "" }, "choose"),
        question.choices.map((choice) => h("option", { value: choice }, visible(choice))),
      ),
      h("span", { class: "grade", id: `grade-${question.letter}` }),
    );
  }

  private judge(given: FormData): void {
    const open = this.questions.filter((question) => !given.get(question.letter));
    const right = this.questions.filter((question) => given.get(question.letter) === question.answer);
    if (open.length) {
      fill(this.verdict, h("p", {}, `Answer ${open.map((question) => question.letter).join(", ")} first.`));
    } else if (right.length < this.questions.length) {
      fill(this.verdict, h("p", {}, `${right.length} of ${this.questions.length} are right. The case stays open.`));
    } else this.solved();
  }
}

function shared(line: string): HTMLElement {
  const field = h("input", { type: "text", readonly: true, id: "line", value: line });
  const copied = h("span", { role: "status" });
  const copy = async (): Promise<void> => {
    field.select();
    try {
      await navigator.clipboard.writeText(line);
      copied.textContent = "copied";
    } catch {
      copied.textContent = "press Ctrl+C";
    }
  };
  const button = h("button", { type: "button", onclick: () => void copy() }, "Copy");
  return h("p", { class: "share" }, h("label", { for: "line" }, "A line to share"), field, button, copied);
}
