// Foreign text and figures, made fit to be read. `visible` does what src/sleuth/report/text.py does.

const CONTROL = /[\p{Cc}\p{Cf}\p{Cs}]/gu;
const HARMLESS = "\n\t\u200c\u200d";

/** Control characters as symbols: some turn the reading direction, and could make a text look like another one. */
export function visible(text: string): string {
  return text.replace(CONTROL, (character) => {
    if (HARMLESS.includes(character)) return character;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** 0.97 as `97.0 %`, with a narrow space that does not break. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}\u202f%`;
}

/** `45 s`, `12 min`, `1 h 05 min`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)}\u202fs`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}\u202fmin`;
  return `${Math.floor(minutes / 60)}\u202fh ${String(minutes % 60).padStart(2, "0")}\u202fmin`;
}
