// Asks the solver or the prover of the page what standard input says, and prints its answers as JSON.
import { readFileSync } from "node:fs";

const { bundle, solver, prover } = JSON.parse(readFileSync(0, "utf8"));
const { Solver, Prover } = await import(bundle);
let answers;
if (solver) {
  const made = new Solver(solver.top, solver.clauses, solver.prefer);
  answers = solver.asked.map((assumed) => {
    if (!made.solve(assumed)) return null;
    return Array.from({ length: solver.top }, (_, place) => place + 1).filter((variable) => made.holds(variable));
  });
} else {
  const made = new Prover(prover.logic);
  answers = prover.asked.map(({ fact, known }) => (fact ? made.why(fact, known) : made.spent(known)));
}
console.log(JSON.stringify(answers));
