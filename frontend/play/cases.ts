// Cases as the page gets them (src/sleuth/play/dossier.py says what is in them), from a server or from files beside it.

export type Fact = [variable: number, value: number, so: 0 | 1];

export interface Table {
  title: string;
  rows: string[];
  columns: string[];
  variables: number[];
  once: boolean;
}

export interface Logic {
  top: number;
  base: number[];
  sizes: number[];
  rules: number[];
  clues: number[];
  denials: number[];
  clauses: number[][];
}

export interface Step {
  facts: Fact[];
  clues: number[];
  rules: string[];
  known: Fact[];
  text: string;
}

export interface Question {
  letter: string;
  text: string;
  choices: string[];
  answer: string;
}

/** SVG with its text alternative. */
export interface Picture {
  svg: string;
  text: string;
}

export interface Attempt {
  stage: string;
  pieces: { text: string; verdict: string; meaning: string }[];
  cut: number;
  outcome: string;
  answers: Record<string, string | null>;
  right: Record<string, boolean>;
  tokens: number;
}

export interface Case {
  id: string;
  name: string;
  intro: string[];
  clues: string[];
  about: string[][];
  questions: Question[];
  tables: Table[];
  logic: Logic;
  world: number[];
  board: Picture;
  solved: Picture;
  attempts: Attempt[];
  steps?: Step[];
}

export interface Contents {
  families: { family: string; levels: Record<string, string> }[];
  tried: { key: string; name: string; solved: boolean }[];
  /** Of files: the number of the first case of every level, and how many there are. */
  first?: number;
  count?: number;
}

declare global {
  // What the files beside the page set.
  var sleuthCatalog: Contents | undefined;
  var sleuthCase: (Case & { key: string }) | undefined;
}

async function fetched<T>(path: string): Promise<T> {
  const answer = await fetch(path);
  const data: unknown = await answer.json();
  if (!answer.ok) throw new Error((data as { error?: string }).error ?? `the server answered ${answer.status}`);
  return data as T;
}

function loaded(file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = file;
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => reject(new Error("this case is not among the files of this page")));
    document.head.append(script);
  });
}

/** What can be chosen. */
export async function contents(): Promise<Contents> {
  return globalThis.sleuthCatalog ?? fetched<Contents>("api/catalog");
}

/** The case of a key. */
export async function caseOf(key: string): Promise<Case> {
  if (!globalThis.sleuthCatalog) return fetched<Case>(`api/case?key=${encodeURIComponent(key)}`);
  if (!/^[a-z0-9@-]+(\/[a-z0-9-]+)+$/.test(key)) throw new Error("this is no case");
  await loaded(`cases/${key.replaceAll("/", "-")}.js`);
  const found = globalThis.sleuthCase;
  if (!found || found.key !== key) throw new Error("this case cannot be read");
  return found;
}

/** The explanation of a case, which a server makes when it is first needed. */
export async function stepsOf(key: string, played: Case): Promise<Step[]> {
  played.steps ??= await fetched<Step[]>(`api/steps?key=${encodeURIComponent(key)}`);
  return played.steps;
}

/** The number of a day's case: days since the first of January of the year 1, as in Python's `date.toordinal`. */
export function dayNumber(day: Date): number {
  return 719163 + Math.floor(Date.UTC(day.getFullYear(), day.getMonth(), day.getDate()) / 86_400_000);
}

/** The number of a day's case among those that there are. */
export function numberOf(day: Date, there: Contents): number {
  const number = dayNumber(day);
  if (there.first === undefined || there.count === undefined) return number;
  return there.first + ((((number - there.first) % there.count) + there.count) % there.count);
}
