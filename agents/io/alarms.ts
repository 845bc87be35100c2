import { compareNames } from "../../src/model/ids.ts";

/** Short alarms for people, one per code: raised while their cause lasts, carried by every heartbeat. */
export class Alarms {
  readonly #raised = new Map<string, string>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Raises an alarm, or changes what it says. */
  raise(code: string, detail: string): void {
    const text = oneLine(detail);
    if (this.#raised.get(code) === text) return;
    this.#raised.set(code, text);
    this.#changed();
  }

  /** Takes an alarm back, if it was raised. */
  clear(code: string): void {
    if (this.#raised.delete(code)) this.#changed();
  }

  /** `CODE: detail`, sorted. */
  list(): readonly string[] {
    return [...this.#raised].map(([code, detail]) => `${code}: ${detail}`).toSorted(compareNames);
  }
}

const DETAIL_LENGTH_MAX = 300;

/** Text as a heartbeat may carry it: one short line without control characters. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").slice(0, DETAIL_LENGTH_MAX);
}
