import { stripVTControlCharacters } from "node:util";

/** Where a command writes, and what the place can show. */
export interface Terminal {
  /** Writes one line of the answer. */
  readonly out: (line: string) => void;
  /** Writes one line beside the answer: progress, errors, hints. */
  readonly note: (line: string) => void;
  /** Whether the answer goes to a person's screen. */
  readonly isScreen: boolean;
  /** Writes to the answer's screen as it is, without a line end. */
  readonly draw: (text: string) => void;
  /** Paints text for the answer; leaves it as it is where colour is not wanted. */
  readonly paint: Paint;
  readonly columns: number;
}

/** Meanings that have a colour. */
export type Tone = "good" | "warn" | "bad" | "dim" | "bold";

/** Gives a text the colour of its meaning, or not. */
export type Paint = (tone: Tone, text: string) => string;

const CODES: Readonly<Record<Tone, readonly [number, number]>> = {
  good: [32, 39],
  warn: [33, 39],
  bad: [31, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** The real terminal. Colour only on a screen, and only where nobody asked for none (https://no-color.org). */
export function realTerminal({ isColourWanted }: { readonly isColourWanted: boolean }): Terminal {
  const isScreen = process.stdout.isTTY;
  const isColoured = isScreen && isColourWanted;
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${line}\n`),
    isScreen,
    draw: (text) => void process.stdout.write(text),
    paint: (tone, text) =>
      isColoured && text !== "" ? `\u001B[${CODES[tone][0]}m${text}\u001B[${CODES[tone][1]}m` : text,
    columns: process.stdout.columns ?? 120,
  };
}

/** Text from outside without anything that moves the cursor or paints: a name in a log must not rewrite the screen. */
export function harmless(text: string): string {
  const isMoving = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
  return stripVTControlCharacters(text).replaceAll(isMoving, " ").trim();
}
