// The notebook on the page: a grid for each table. Arrows move, Enter and space mark; one cell of a grid is in the order
// of the tabulator key.

import { h } from "../common/dom";
import { visible } from "../common/text";
import type { Fact, Table } from "./cases";
import { BLANK, CROSS, type Mark, type Marks, TICK } from "./marks";

const SIGNS = ["", "✗", "✓"];
const WORDS = ["open", "crossed out", "ticked"];

export interface Cell {
  variable: number;
  value: number;
}

export class Notebook {
  readonly element = h("div", { class: "tables" });
  private readonly cells = new Map<string, { cell: HTMLElement; label: string }>();
  private readonly labelled: { element: HTMLElement; label: string }[] = [];

  /** `press`: a cell was tapped, or a key asked for a mark there. */
  constructor(
    private readonly tables: readonly Table[],
    private readonly press: (cell: Cell, mark?: Mark) => void,
  ) {
    for (const table of tables) this.element.append(this.drawn(table));
  }

  /** Shows marks as they are now. */
  show(marks: Marks): void {
    for (const [key, { cell, label }] of this.cells) {
      const [variable, value] = key.split(",").map(Number) as [number, number];
      const mark = marks.at(variable, value);
      const implied = mark === BLANK && marks.ruledOut(variable, value);
      cell.textContent = implied ? "·" : (SIGNS[mark] ?? "");
      cell.className = implied ? "implied" : ["open", "cross", "tick"][mark] ?? "";
      cell.setAttribute("aria-label", `${label}: ${implied ? "ruled out by a tick" : WORDS[mark]}`);
    }
  }

  /** Marks rows and columns with these labels, and these cells. */
  point(labels: readonly string[], facts: readonly Fact[] = []): void {
    for (const { element, label } of this.labelled) element.classList.toggle("spoken", labels.includes(label));
    for (const [key, { cell }] of this.cells) {
      cell.classList.toggle("pointed", facts.some(([variable, value]) => key === `${variable},${value}`));
    }
  }

  /** A fact in the words of the notebook. */
  phrase([variable, value, so]: Fact): string {
    const table = this.tables.find((one) => one.variables.includes(variable));
    if (!table) return "";
    const alone = table.rows.length === 1;
    const row = alone ? table.title : table.rows[table.variables.indexOf(variable)];
    const where = this.tables.length > 1 && !table.once && !alone ? ` (${table.title})` : "";
    return visible(`${row}: ${so ? "" : "not "}${table.columns[value]}${where}`);
  }

  private drawn(table: Table): HTMLElement {
    const heads = table.columns.map((column) => this.head("col", column));
    const grid = h("table", { role: "grid", "aria-label": visible(table.title) });
    const alone = table.rows.length === 1; // then the title says what the row is about
    const rows = table.rows.map((row, number) => {
      const cells = table.columns.map((column, value) => {
        const first = number === 0 && value === 0;
        const cell = h("td", { role: "gridcell", tabindex: first ? 0 : -1 });
        const variable = table.variables[number] as number;
        this.cells.set(`${variable},${value}`, { cell, label: visible(`${alone ? table.title : row}, ${column}`) });
        cell.addEventListener("click", () => {
          this.enter(grid, cell);
          this.press({ variable, value });
        });
        cell.addEventListener("keydown", (event) => this.key(event, grid, number, value, { variable, value }));
        return cell;
      });
      return h("tr", {}, this.head("row", alone ? table.title : row), cells);
    });
    grid.append(
      h("thead", {}, h("tr", {}, h(alone ? "td" : "th", { class: "corner", scope: alone ? null : "col" }, alone ? "" : visible(table.title)), heads)),
      h("tbody", {}, rows),
    );
    return h("div", { class: "table" }, grid);
  }

  private head(scope: "row" | "col", label: string): HTMLElement {
    const element = h("th", { scope }, visible(label));
    this.labelled.push({ element, label });
    return element;
  }

  private enter(grid: HTMLElement, cell: HTMLElement): void {
    grid.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    cell.setAttribute("tabindex", "0");
    cell.focus();
  }

  private key(event: KeyboardEvent, grid: HTMLTableElement, row: number, column: number, at: Cell): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves: Record<string, [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const marks: Record<string, Mark | undefined> = { x: CROSS, v: TICK, Backspace: BLANK, Delete: BLANK };
    const move = moves[event.key];
    if (move) {
      const next = grid.tBodies[0]?.rows[row + move[0]]?.cells[column + 1 + move[1]];
      if (next?.tagName === "TD") this.enter(grid, next);
    } else if (event.key === "Enter" || event.key === " ") this.press(at);
    else if (event.key in marks) this.press(at, marks[event.key]);
    else return;
    event.preventDefault();
  }
}
