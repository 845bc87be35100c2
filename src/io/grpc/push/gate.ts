/** Lets a bounded number of senders write at the same time; the others wait in the order in which they came. */
export interface Gate {
  /** Calls `enter` now or in its turn, with a function that must be called once when the write is done. */
  pass(enter: (leave: () => void) => void): void;
}

/** Makes a gate that holds `widthMax` senders. What one sender may take is bounded by its own caller. */
export function createGate(widthMax: number): Gate {
  const line: ((leave: () => void) => void)[] = [];
  let inside = 0;

  function admit(enter: (leave: () => void) => void): void {
    inside += 1;
    let hasLeft = false;
    enter(() => {
      if (hasLeft) return;
      hasLeft = true;
      inside -= 1;
      const next = line.shift();
      if (next !== undefined) admit(next);
    });
  }

  return {
    pass(enter) {
      if (inside < widthMax) admit(enter);
      else line.push(enter);
    },
  };
}
