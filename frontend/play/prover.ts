// Whether a mark follows from what is known, and why: from the marks so far, the rules and at most three clues, the same
// bound as of the judge of reasoning (src/sleuth/grading/soundness.py). Which clues: a search over sets of clues that
// branches on those that a counterexample violates, one of which must be in any set that works.

import type { Fact, Logic } from "./cases";
import { Solver } from "./solver";

export const CLUES_AT_ONCE = 3;
const QUESTIONS = 400;

export interface Reason {
  clues: number[];
  known: Fact[];
}

class TooHard extends Error {}

export class Prover {
  private readonly solver: Solver;
  private asked = 0;

  constructor(private readonly logic: Logic) {
    this.solver = new Solver(logic.top, logic.clauses, [...logic.rules, ...logic.clues]);
  }

  private literal([variable, value, so]: Fact): number {
    const atom = (this.logic.base[variable] as number) + value;
    return so ? atom : -atom;
  }

  /** Why a fact follows from known facts, rules and few clues; null where it does not. None of these can go, unless there
   * are so many facts that finding out takes too long. */
  why(fact: Fact, known: readonly Fact[]): Reason | null {
    this.asked = 0;
    const fixed = [...this.logic.rules, -this.literal(fact)];
    const facts = known.map((one) => this.literal(one));
    try {
      const clues = this.search(fixed, facts, [], new Set(), []);
      if (clues === null) return null;
      this.asked = 0; // it follows; what can go is another search
      const needed = this.smallest(clues, (rest) => this.refuted([...fixed, ...facts, ...this.selectors(rest)]));
      const cited = this.smallest(known, (rest) =>
        this.refuted([...fixed, ...rest.map((one) => this.literal(one)), ...this.selectors(needed)]),
      );
      return { clues: needed, known: cited };
    } catch (error) {
      if (error instanceof TooHard) return null;
      throw error;
    }
  }

  /** Clues that say nothing more: known facts and the rules give all that they say. */
  spent(known: readonly Fact[]): boolean[] {
    const facts = known.map((one) => this.literal(one));
    return this.logic.denials.map(
      (denial) => this.solver.solve([...this.logic.rules, ...facts, denial]) === false,
    );
  }

  private selectors(clues: readonly number[]): number[] {
    return clues.map((clue) => this.logic.clues[clue] as number);
  }

  private refuted(assumed: number[]): boolean {
    if (++this.asked > QUESTIONS) throw new TooHard();
    const found = this.solver.solve(assumed);
    if (found === undefined) throw new TooHard();
    return !found;
  }

  /** Without those that can go. */
  private smallest<T>(all: readonly T[], enough: (rest: T[]) => boolean): T[] {
    let kept = [...all];
    // Many at once first, since most can go.
    for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let end = kept.length; end > 0; end -= size) {
        const rest = [...kept.slice(0, Math.max(0, end - size)), ...kept.slice(end)];
        try {
          if (enough(rest)) kept = rest;
        } catch (error) {
          if (error instanceof TooHard) return kept;
          throw error;
        }
      }
    }
    return kept;
  }

  private search(
    fixed: number[],
    facts: number[],
    chosen: number[],
    tried: Set<string>,
    counterexamples: number[][],
  ): number[] | null {
    const name = [...chosen].sort((a, b) => a - b).join();
    if (tried.has(name)) return null;
    tried.add(name);
    let violated = counterexamples.find((one) => !one.some((clue) => chosen.includes(clue)));
    if (!violated) {
      if (this.refuted([...fixed, ...facts, ...this.selectors(chosen)])) return chosen;
      violated = this.violated();
      counterexamples.push(violated);
    }
    if (chosen.length === CLUES_AT_ONCE) return null;
    for (const clue of violated) {
      const found = this.search(fixed, facts, [...chosen, clue], tried, counterexamples);
      if (found) return found;
    }
    return null;
  }

  /** The clues that are false in the world that was found. The solver tries clues true first, so most need no question.
   */
  private violated(): number[] {
    const world: number[] = [];
    this.logic.sizes.forEach((size, variable) => {
      for (let value = 0; value < size; value++) {
        const atom = (this.logic.base[variable] as number) + value;
        if (this.solver.holds(atom)) world.push(atom);
      }
    });
    const open = this.logic.clues.flatMap((selector, clue) => (this.solver.holds(selector) ? [] : [clue]));
    return open.filter((clue) => this.refuted([...world, ...this.selectors([clue])]));
  }
}
