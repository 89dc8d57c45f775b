// What two texts have in common, word by word: a longest common subsequence.

export interface Piece { text: string; kind: "same" | "left" | "right" }
const MOST = 2000;

/** Pieces of both texts in order; `left` are only in the first, `right` only in the second. */
export function diff(first: string, second: string): Piece[] {
  const a = (first.match(/\s+|[^\s]+/g) ?? []).slice(0, MOST), b = (second.match(/\s+|[^\s]+/g) ?? []).slice(0, MOST);
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1]! + 1 : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const pieces: Piece[] = [];
  const add = (text: string, kind: Piece["kind"]): void => {
    const last = pieces[pieces.length - 1];
    if (last?.kind === kind) last.text += text;
    else pieces.push({ text, kind });
  };
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { add(a[i]!, "same"); i++; j++; }
    else if (j >= b.length || (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) add(a[i++]!, "left");
    else add(b[j++]!, "right");
  }
  return pieces;
}
