/** Waits that long. */
export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks again and again until the answer is not undefined. Throws with what was awaited and what was seen last when
 * `timeoutMs` is over.
 */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  options: { readonly timeoutMs: number; readonly describe?: () => string },
): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) {
      const seen = options.describe === undefined ? "" : `; last seen: ${options.describe()}`;
      throw new Error(`waited ${options.timeoutMs / 1_000} s for ${what}${seen}`);
    }
    await pause(100);
  }
}
