/** Calls `send` at `rps` on average, whatever becomes of earlier calls: an open loop, as independent users are. */
export function sendAtRate(rps: number, send: () => void): () => void {
  const startedAtMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAtMs) * rps) / 1_000);
    // After a pause of the machine the backlog is dropped, not fired in one burst.
    if (due - sent > rps / 4) sent = due - 1;
    for (; sent < due; sent += 1) send();
  }, 5);
  return () => clearInterval(timer);
}
