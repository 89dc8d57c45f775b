// A SAT solver: conflict-driven clause learning with two watched literals, first unique implication points, activities
// and saved phases (Eén & Sörensson, "An extensible SAT-solver", 2003), for the small formulas of one case.
//
// Literals are numbers as in DIMACS files: variable v is v, its denial -v. Inside, they are 2v and 2v + 1.

type Clause = number[];

const DECAY = 1 / 0.95;
const TOO_ACTIVE = 1e100;

const inner = (literal: number): number => (literal > 0 ? 2 * literal : -2 * literal + 1);

export class Solver {
  private readonly watches: Clause[][];
  private readonly value: Int8Array; // by inner literal: 1 true, -1 false, 0 open
  private readonly level: Int32Array;
  private readonly reason: (Clause | null)[];
  private readonly phase: Int8Array;
  private readonly activity: Float64Array;
  private readonly seen: Uint8Array;
  private readonly heap: number[] = [];
  private readonly placeInHeap: Int32Array;
  private readonly trail: number[] = [];
  private readonly limits: number[] = [];
  private head = 0;
  private bump = 1;
  private broken = false;

  /** `prefer`: variables that are tried true first; all others are tried false. */
  constructor(
    private readonly top: number,
    clauses: readonly (readonly number[])[],
    prefer: readonly number[] = [],
  ) {
    this.watches = Array.from({ length: 2 * top + 2 }, () => []);
    this.value = new Int8Array(2 * top + 2);
    this.level = new Int32Array(top + 1);
    this.reason = new Array<Clause | null>(top + 1).fill(null);
    this.phase = new Int8Array(top + 1);
    this.activity = new Float64Array(top + 1);
    this.seen = new Uint8Array(top + 1);
    this.placeInHeap = new Int32Array(top + 1).fill(-1);
    for (const variable of prefer) this.phase[variable] = 1;
    for (let variable = 1; variable <= top; variable++) this.insert(variable);
    for (const clause of clauses) this.add(clause);
  }

  /** Whether all clauses can hold together with the assumptions; undefined where that takes too many conflicts. */
  solve(assumptions: readonly number[], most = 20_000): boolean | undefined {
    this.backtrack(0);
    if (this.broken) return false;
    const assumed = assumptions.map(inner);
    for (let conflicts = 0; conflicts <= most; ) {
      const conflict = this.propagate();
      if (conflict) {
        conflicts++;
        if (this.limits.length === 0) {
          this.broken = true;
          return false;
        }
        this.learn(conflict);
        continue;
      }
      let next = 0;
      while (this.limits.length < assumed.length) {
        const literal = assumed[this.limits.length] as number;
        const value = this.value[literal];
        if (value === -1) return false;
        if (value === 0) {
          next = literal;
          break;
        }
        this.limits.push(this.trail.length); // it holds already
      }
      if (next === 0) {
        const variable = this.pick();
        if (variable === 0) return true;
        next = 2 * variable + (this.phase[variable] === 1 ? 0 : 1);
      }
      this.limits.push(this.trail.length);
      this.assign(next, null);
    }
    return undefined;
  }

  /** After `solve` gave true: whether a variable is true in what was found. */
  holds(variable: number): boolean {
    return this.value[2 * variable] === 1;
  }

  private add(clause: readonly number[]): void {
    const literals = [...new Set(clause.map(inner))].filter((literal) => this.value[literal] !== -1);
    if (literals.some((literal) => this.value[literal] === 1 || literals.includes(literal ^ 1))) return;
    if (literals.length === 0) this.broken = true;
    else if (literals.length === 1) {
      this.assign(literals[0] as number, null);
      if (this.propagate()) this.broken = true;
    } else this.watch(literals);
  }

  private watch(clause: Clause): void {
    this.watches[clause[0] as number]?.push(clause);
    this.watches[clause[1] as number]?.push(clause);
  }

  private assign(literal: number, reason: Clause | null): void {
    const variable = literal >> 1;
    this.value[literal] = 1;
    this.value[literal ^ 1] = -1;
    this.level[variable] = this.limits.length;
    this.reason[variable] = reason;
    this.trail.push(literal);
  }

  private propagate(): Clause | null {
    while (this.head < this.trail.length) {
      const falsified = (this.trail[this.head++] as number) ^ 1;
      const watching = this.watches[falsified] as Clause[];
      let kept = 0;
      for (let at = 0; at < watching.length; at++) {
        const clause = watching[at] as Clause;
        if (clause[0] === falsified) {
          clause[0] = clause[1] as number;
          clause[1] = falsified;
        }
        const first = clause[0] as number;
        let moved = false;
        if (this.value[first] !== 1) {
          for (let other = 2; other < clause.length; other++) {
            const literal = clause[other] as number;
            if (this.value[literal] !== -1) {
              clause[1] = literal;
              clause[other] = falsified;
              this.watches[literal]?.push(clause);
              moved = true;
              break;
            }
          }
          if (!moved && this.value[first] === -1) {
            while (at < watching.length) watching[kept++] = watching[at++] as Clause;
            watching.length = kept;
            this.head = this.trail.length;
            return clause;
          }
          if (!moved) this.assign(first, clause);
        }
        if (!moved) watching[kept++] = clause;
      }
      watching.length = kept;
    }
    return null;
  }

  /** Learns the first unique implication point of a conflict, and goes back to where it applies. */
  private learn(conflict: Clause): void {
    const learnt: Clause = [0];
    const touched: number[] = [];
    let open = 0;
    let at = this.trail.length - 1;
    let clause: Clause | null = conflict;
    let literal = -1;
    do {
      for (const other of clause as Clause) {
        const variable = other >> 1;
        if (other === literal || this.seen[variable] || this.level[variable] === 0) continue;
        this.seen[variable] = 1;
        touched.push(variable);
        this.excite(variable);
        if (this.level[variable] === this.limits.length) open++;
        else learnt.push(other);
      }
      while (!this.seen[(this.trail[at] as number) >> 1]) at--;
      literal = this.trail[at--] as number;
      clause = this.reason[literal >> 1] ?? null;
      open--;
    } while (open > 0);
    learnt[0] = literal ^ 1;
    for (const variable of touched) this.seen[variable] = 0;
    let back = 0;
    for (let place = 1; place < learnt.length; place++) {
      const level = this.level[(learnt[place] as number) >> 1] as number;
      if (level > back) {
        back = level;
        [learnt[1], learnt[place]] = [learnt[place] as number, learnt[1] as number];
      }
    }
    this.backtrack(back);
    if (learnt.length > 1) this.watch(learnt);
    this.assign(learnt[0], learnt.length > 1 ? learnt : null);
    this.bump *= DECAY;
  }

  private backtrack(level: number): void {
    if (this.limits.length <= level) return;
    const until = this.limits[level] as number;
    while (this.trail.length > until) {
      const literal = this.trail.pop() as number;
      const variable = literal >> 1;
      this.value[literal] = 0;
      this.value[literal ^ 1] = 0;
      if (this.placeInHeap[variable] === -1) this.insert(variable);
    }
    this.limits.length = level;
    this.head = until;
  }

  private excite(variable: number): void {
    this.activity[variable] = (this.activity[variable] as number) + this.bump;
    if ((this.activity[variable] as number) > TOO_ACTIVE) {
      for (let one = 1; one <= this.top; one++) this.activity[one] = (this.activity[one] as number) / TOO_ACTIVE;
      this.bump /= TOO_ACTIVE;
    }
    if (this.placeInHeap[variable] !== -1) this.rise(this.placeInHeap[variable] as number);
  }

  // A heap of variables, the most active on top

  private pick(): number {
    while (this.heap.length > 0) {
      const variable = this.heap[0] as number;
      const last = this.heap.pop() as number;
      this.placeInHeap[variable] = -1;
      if (last !== variable) {
        this.heap[0] = last;
        this.placeInHeap[last] = 0;
        this.sink(0);
      }
      if (this.value[2 * variable] === 0) return variable;
    }
    return 0;
  }

  private insert(variable: number): void {
    this.placeInHeap[variable] = this.heap.length;
    this.heap.push(variable);
    this.rise(this.heap.length - 1);
  }

  private before(one: number, other: number): boolean {
    const [a, b] = [this.heap[one] as number, this.heap[other] as number];
    const difference = (this.activity[a] as number) - (this.activity[b] as number);
    return difference > 0 || (difference === 0 && a < b);
  }

  private swap(one: number, other: number): void {
    const [a, b] = [this.heap[one] as number, this.heap[other] as number];
    this.heap[one] = b;
    this.heap[other] = a;
    this.placeInHeap[b] = one;
    this.placeInHeap[a] = other;
  }

  private rise(place: number): void {
    while (place > 0 && this.before(place, (place - 1) >> 1)) {
      this.swap(place, (place - 1) >> 1);
      place = (place - 1) >> 1;
    }
  }

  private sink(place: number): void {
    for (;;) {
      let best = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < this.heap.length && this.before(child, best)) best = child;
      }
      if (best === place) return;
      this.swap(place, best);
      place = best;
    }
  }
}
