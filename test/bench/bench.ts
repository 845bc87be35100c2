import type { Crew } from "./crew.ts";
import type { Row } from "./row.ts";

/** One comparison that `npm run bench` knows. */
export interface Bench {
  readonly name: string;
  /** One line: what against what. */
  readonly about: string;
  /** When it has not ended by then it hangs; undefined: as soon as the others. */
  readonly deadlineMs?: number;
  run(stage: Stage): Promise<readonly Row[]>;
}

/** What a bench has to work with. */
export interface Stage {
  /** Starts its processes and ends them all. */
  readonly crew: Crew;
  /** Temporary folder of this run. */
  readonly folder: string;
  /** The n-th loopback address of this run: two runs side by side do not meet. */
  readonly address: (n: number) => string;
  /** Shows progress. */
  readonly say: (line: string) => void;
  /** Fewer rounds: shows that the bench works; its numbers mean little. */
  readonly isQuick: boolean;
  /** Folder of fleet documents to compare instead of the bench's own; only the planner's bench asks for it. */
  readonly scenarios?: string;
  /** Leave out what needs real Envoys; only the planner's bench asks for it. */
  readonly isModelOnly: boolean;
  /** Leave the files that the README shows; only the planner's bench has any. */
  readonly isWriting: boolean;
}

/** What was asked cannot be done as asked: its message says all that whoever asked needs, a stack would only hide it. */
export class Misuse extends Error {
  override readonly name = "Misuse";
}
