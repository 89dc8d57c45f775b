// The marks of a notebook, and what they say. A tick crosses out the rest of its row and, where a value belongs to one
// row only, the rest of its column.

import type { Fact, Table } from "./cases";

export type Mark = 0 | 1 | 2;
export const BLANK: Mark = 0;
export const CROSS: Mark = 1;
export const TICK: Mark = 2;

export class Marks {
  private readonly marks: Mark[][];
  private readonly tableOf = new Map<number, Table>();

  constructor(sizes: readonly number[], tables: readonly Table[], stored?: Mark[][]) {
    const fits = stored?.length === sizes.length && stored.every((row, place) => row.length === sizes[place]);
    this.marks = fits ? stored.map((row) => [...row]) : sizes.map((size) => new Array<Mark>(size).fill(BLANK));
    for (const table of tables) for (const variable of table.variables) this.tableOf.set(variable, table);
  }

  /** A copy of all marks. */
  all(): Mark[][] {
    return this.marks.map((row) => [...row]);
  }

  at(variable: number, value: number): Mark {
    return this.marks[variable]?.[value] ?? BLANK;
  }

  set(variable: number, value: number, mark: Mark): void {
    const row = this.marks[variable];
    if (row) row[value] = mark;
  }

  /** Whether a tick elsewhere crosses this out. */
  ruledOut(variable: number, value: number): boolean {
    const row = this.marks[variable] ?? [];
    if (row.some((mark, other) => mark === TICK && other !== value)) return true;
    const table = this.tableOf.get(variable);
    if (!table?.once) return false;
    return table.variables.some((other) => other !== variable && this.at(other, value) === TICK);
  }

  /** Whether the marks still allow this. */
  possible(variable: number, value: number): boolean {
    return this.at(variable, value) !== CROSS && !this.ruledOut(variable, value);
  }

  private left(variable: number): number[] {
    return (this.marks[variable] ?? []).flatMap((_, value) => (this.possible(variable, value) ? [value] : []));
  }

  /** Whether the marks say this fact, with what follows within a row and a column. */
  says([variable, value, so]: Fact): boolean {
    const left = this.left(variable);
    return so ? left.length === 1 && left[0] === value : !left.includes(value);
  }

  /** All that the marks say, for each variable in as few facts as can be. */
  facts(): Fact[] {
    return this.marks.flatMap((row, variable): Fact[] => {
      const left = this.left(variable);
      if (left.length === row.length) return [];
      if (left.length === 1) return [[variable, left[0] as number, 1]];
      return row.flatMap((_, value): Fact[] => (left.includes(value) ? [] : [[variable, value, 0]]));
    });
  }

  /** The first mark that is not so in a world. */
  firstWrong(world: readonly number[]): Fact | undefined {
    for (const [variable, row] of this.marks.entries()) {
      for (const [value, mark] of row.entries()) {
        if (mark !== BLANK && (mark === TICK) !== (world[variable] === value)) {
          return [variable, value, mark === TICK ? 1 : 0];
        }
      }
    }
    return undefined;
  }

  /** Whether every row that can be marked has one value left. */
  complete(): boolean {
    return [...this.tableOf.keys()].every((variable) => this.left(variable).length === 1);
  }
}
