import { stripVTControlCharacters } from "node:util";
import type { Terminal } from "./terminal.ts";

/** Shows how something goes: on a screen the newest state, rewritten in place; elsewhere a line for each change. */
export class Progress {
  readonly #terminal: Terminal;
  #shown = "";
  #height = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Shows a state; the same state again changes nothing. */
  show(lines: readonly string[]): void {
    const text = lines.join("\n");
    if (text === this.#shown) return;
    this.#shown = text;
    if (!this.#terminal.isScreen) {
      for (const line of lines) this.#terminal.out(line);
      return;
    }
    this.#terminal.draw(`${this.#erase()}${lines.map((line) => this.#fitted(line)).join("\n")}\n`);
    this.#height = lines.length;
  }

  /** A line that wrapped would take two rows, and the next state would be written over the wrong ones. */
  #fitted(line: string): string {
    const plain = Array.from(stripVTControlCharacters(line));
    const { columns } = this.#terminal;
    return plain.length < columns ? line : `${plain.slice(0, columns - 2).join("")}…`;
  }

  #erase(): string {
    return this.#height === 0 ? "" : `\u001B[${this.#height}A\u001B[0J`;
  }
}

/** Time of day as 14:05:09, for lines that follow each other. */
export function clockTime(nowMs: number): string {
  const now = new Date(nowMs);
  const parts = [now.getHours(), now.getMinutes(), now.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
