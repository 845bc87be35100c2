import type { Socket } from "node:net";

/** How many new connections a listener takes on. */
export interface AdmissionOptions {
  /** Handshakes begun per second in the long run; a handshake costs about 2 ms of CPU. */
  readonly perSecond: number;
  /** Longest that a connection waits for its turn, in ms; what would wait longer is closed, and comes again later. */
  readonly waitMaxMs: number;
}

/** Lets connections through at a steady rate, so that a thousand agents that return at once do not stall the rest. */
export interface Admission {
  /** Calls `proceed` with the socket now or in its turn; destroys it when the line is too long. */
  admit(socket: Socket, proceed: (socket: Socket) => void): void;
  close(): void;
}

/** Makes an admission: a token bucket that holds one second's worth, with a line before it. */
export function createAdmission({ perSecond, waitMaxMs }: AdmissionOptions): Admission {
  const line: (() => void)[] = [];
  const lineMax = Math.ceil((perSecond * waitMaxMs) / 1_000);
  let tokens = perSecond;
  let filledAt = performance.now();
  let timer: NodeJS.Timeout | undefined;

  function refill(): void {
    const now = performance.now();
    tokens = Math.min(perSecond, tokens + ((now - filledAt) * perSecond) / 1_000);
    filledAt = now;
  }

  function advance(): void {
    timer = undefined;
    refill();
    while (tokens >= 1 && line.length > 0) {
      tokens -= 1;
      line.shift()?.();
    }
    if (line.length > 0) timer = setTimeout(advance, Math.ceil(((1 - tokens) * 1_000) / perSecond)).unref();
  }

  return {
    admit(socket, proceed) {
      if (line.length >= lineMax) {
        socket.destroy();
        return;
      }
      line.push(() => {
        if (!socket.destroyed) proceed(socket);
      });
      if (timer === undefined) advance();
    },
    close() {
      clearTimeout(timer);
      line.length = 0;
    },
  };
}
