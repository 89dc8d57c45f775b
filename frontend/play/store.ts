// What is kept of a case in this browser: marks, time and what was used. A browser that keeps nothing plays as well.

import type { Case } from "./cases";
import type { Mark } from "./marks";

export interface Kept {
  marks: Mark[][];
  used: number[];
  seconds: number;
  hints: number;
  proof: boolean;
  /** It was played in the other way, too, for a while. */
  free: boolean;
  solved: boolean;
}

const PREFIX = "sleuth-play:";

function isKept(found: unknown): found is Kept {
  if (typeof found !== "object" || found === null) return false;
  const kept = found as Partial<Kept>;
  const rows = Array.isArray(kept.marks) && kept.marks.every((row) => Array.isArray(row) && row.every((m) => [0, 1, 2].includes(m)));
  return rows && Array.isArray(kept.used) && typeof kept.seconds === "number" && typeof kept.hints === "number";
}

/** Where a case is kept. Runs number their cases alike, so those are told apart by what they say. */
export function placeOf(key: string, played: Case): string {
  if (!key.startsWith("run/")) return key;
  let hash = 0;
  for (const letter of JSON.stringify([played.id, played.clues])) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
  return `run/${hash}`;
}

/** What is kept of a case; undefined where that is nothing, or nothing that can be read. */
export function recall(key: string): Kept | undefined {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PREFIX + key) ?? "null");
    return isKept(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps it. */
export function keep(key: string, kept: Kept): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(kept));
  } catch {
    // Nothing is kept, then.
  }
}
