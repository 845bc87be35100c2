/** Lets a bounded number of senders write at the same time; the others wait in the order in which they came. */
export interface Gate {
  /** Calls `enter` now or in its turn, with a function that must be called once when the write is done. */
  pass(enter: (leave: () => void) => void): void;
}

/** How many senders a gate takes on. */
export interface GateOptions {
  /** Inside at the same time. What one sender may take is bounded by its own caller. */
  readonly widthMax: number;
  /**
   * Within one turn of the event loop. What a turn writes leaves for the sockets when the turn ends, so that after a
   * commit for a whole fleet the first agents work while the last ones' deltas are still being made, and the loop hears
   * what else there is in between.
   */
  readonly perTurnMax: number;
}

/** Makes a gate. */
export function createGate({ widthMax, perTurnMax }: GateOptions): Gate {
  const line: ((leave: () => void) => void)[] = [];
  let inside = 0;
  let thisTurn = 0;
  let isTurnCounted = false;

  function advance(): void {
    for (let next = takeNext(); next !== undefined; next = takeNext()) admit(next);
  }

  function takeNext(): ((leave: () => void) => void) | undefined {
    return inside < widthMax && thisTurn < perTurnMax ? line.shift() : undefined;
  }

  function admit(enter: (leave: () => void) => void): void {
    inside += 1;
    countTurn();
    let hasLeft = false;
    enter(() => {
      if (hasLeft) return;
      hasLeft = true;
      inside -= 1;
      advance();
    });
  }

  function countTurn(): void {
    thisTurn += 1;
    if (isTurnCounted) return;
    isTurnCounted = true;
    setImmediate(() => {
      isTurnCounted = false;
      thisTurn = 0;
      advance();
    });
  }

  return {
    pass(enter) {
      line.push(enter);
      advance();
    },
  };
}
