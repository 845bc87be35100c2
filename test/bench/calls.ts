import type { ChildProcess } from "node:child_process";

/** Calls answered by another process of the bench. */
export interface Calls {
  /**
   * Calls a method there and returns its answer. Throws what it throws, or when it is gone or gives no answer for
   * `timeoutMs` (default 60 s). The caller names the type of the answer: both ends are parts of one bench.
   */
  call<T>(method: string, params?: unknown, timeoutMs?: number): Promise<T>;
}

interface Question {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

const CALL_TIMEOUT_MS = 60_000;

/** Calls into a forked child that runs `answerCalls`. `words` says what the child wrote, for error messages. */
export function callable(child: ChildProcess, words: () => string): Calls {
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  child.on("message", (message) => {
    const answer = message as Answer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const failAll = (): void => {
    for (const [id, end] of waiting) end({ id, error: "it ended" });
    waiting.clear();
  };
  child.once("exit", failAll);
  child.once("error", failAll);
  return {
    call: async <T>(method: string, params?: unknown, timeoutMs = CALL_TIMEOUT_MS): Promise<T> => {
      last += 1;
      const id = last;
      const answer = await new Promise<Answer>((resolve) => {
        const timer = setTimeout(() => resolve({ id, error: `no answer in ${timeoutMs} ms` }), timeoutMs);
        waiting.set(id, (given) => {
          clearTimeout(timer);
          resolve(given);
        });
        if (!child.connected) resolve({ id, error: "it has ended" });
        else child.send({ id, method, params } satisfies Question);
      });
      if ("error" in answer) throw new Error(`${method}: ${answer.error}\n${words()}`);
      return answer.value as T;
    },
  };
}

/** What a child answers, by method. */
export type Answers = Readonly<Record<string, (params: never) => Promise<unknown>>>;

/** In the child: answers its parent's calls until that goes away. */
export function answerCalls(answers: Answers): void {
  process.on("message", (message) => {
    const { id, method, params } = message as Question;
    const reply = (answer: Answer): void => void process.send?.(answer);
    const answering = answers[method];
    if (answering === undefined) return reply({ id, error: `no method ${method}` });
    answering(params as never).then(
      (value) => reply({ id, value }),
      (error: unknown) => reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
