// What the server tells. See src/sleuth/view/app.py.

export interface Figure { mean: number; low: number | null; high: number | null; n: number }
export interface RunLine {
  run: string; state: string; fault: string; alarms: number; version: string; changed: number; started: number; whole: boolean;
  phase?: string; step?: number; steps?: number; task?: string; mode?: string; model?: string; seed?: number;
  stage?: string; solved?: Figure | null; before?: Figure | null; reward?: number | null; length?: number | null;
  seconds?: number; course?: number[];
}
export interface Branch { run: string; parent: string | null; how: string; outside: string }
export interface Runs { root: string; runs: RunLine[]; tree: Branch[] }
export interface Evaluation { name: string; label: string; figures: Record<string, Figure> }
export interface Alarm { phase?: string; step?: number; name?: string; figures?: string; remedy?: string }
export interface RunDetail extends RunLine {
  metrics: Record<string, string[]>; titles: Record<string, string>; evaluations: Evaluation[]; alarm_list: Alarm[];
  recipe: [string, string, boolean][]; environment: Record<string, unknown>; unreadable_lines: number; thinned: number;
}
export interface Compared {
  runs: RunLine[]; metrics: Record<string, string[]>; titles: Record<string, string>;
  differences: { key: string; values: (string | null)[] }[]; evaluations: Evaluation[][];
}
export interface Difference { figures: Record<string, Figure>; shared: number; all: number }
export interface Series {
  name: string; colour: string; dash: number; points: [number, number][]; band: [number, number, number][]; runs: string[];
}
export interface ChartData { series: Series[]; percent: boolean; explained: string; svg: string }
export interface Row {
  file: string; row: number; source: string; step: number; puzzle: string; sample: number; outcome: string;
  reward: number; correct: boolean; length: number; advantage: number | null; n_derived: number; n_lucky: number;
  n_repeated: number; n_false: number; n_unread: number; n_empty: number; n_right: number; n_wrong: number;
  sound: number | null; foreign_letters: number; snippet: string;
}
export interface Rows {
  count: number; page_size: number; rows: Row[]; indexed: number; files: number; sources: Record<string, number>;
  outcomes: Record<string, number>; first: number | null; last: number | null; broken: Record<string, string>;
  alarm_steps: number[]; state: string;
}
export interface Completion {
  file: string; row: number; source: string; puzzle_id: string; sample: number; stop: string; outcome: string;
  reward: number; correct: boolean; detail: string; step?: number; advantage?: number | null; length: number;
  system: string; prompt: string; prompt_left_out: number; completion: string; completion_left_out: number;
  answers: Record<string, string | null>; right: Record<string, boolean>; gold: Record<string, string>;
  spans: [number, number, string][]; turns: [string, string][]; tokens: number[]; logprobs: number[]; ratios: number[];
  pieces?: string[] | null; mode?: string;
}
export interface Reason { start: number; end: number; verdict: string; text: string; clues: number[]; sentences: number[] }
export interface Reasons { clue_lines: number[]; reasons: Reason[] }
export interface Words {
  outcomes: Record<string, { meaning: string; colour: string; sign: string }>;
  verdicts: Record<string, string>; stops: Record<string, string>;
}

export type Query = Record<string, string | number | string[] | null | undefined>;

/** The query of an address of the server. */
export function query(of: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(of)) {
    if (Array.isArray(value)) for (const one of value) parameters.append(name, one);
    else if (value !== null && value !== undefined && value !== "") parameters.append(name, String(value));
  }
  return parameters.toString();
}

/** Asks the server. Throws an error with its words for people. */
export async function ask<T>(what: string, of: Query = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`/api/${what}?${query(of)}`);
  } catch {
    throw new Error("The server does not answer. Is `sleuth view` still running?");
  }
  const told = (await answer.json().catch(() => ({ error: `The server answered with ${answer.status}.` }))) as T & { error?: string };
  if (!answer.ok) throw new Error(told.error ?? `The server answered with ${answer.status}.`);
  return told;
}

let words: Promise<Words> | undefined;

/** What outcomes and verdicts mean; asked for once. */
export function meanings(): Promise<Words> {
  return (words ??= ask<Words>("words"));
}
