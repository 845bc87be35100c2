/**
 * Tags of what agents and planners say for every change of a plan, for the readers and writers that do without the
 * general ones: field number * 8 + wire type.
 */
export const STREAM_TAG = {
  /** `ConnectResponse`. */
  plan: 0x0a,
  /** `ConnectRequest`. */
  acknowledgement: 0x12,
  /** Number 1 wherever a position stands. */
  position: 0x0a,
} as const;

/** `PlanDelta`. */
export const PLAN_TAG = { routeSet: 0x12, digest: 0x22, base: 0x28 } as const;

/** `Acknowledgement`. */
export const ACKNOWLEDGEMENT_TAG = { digest: 0x12 } as const;

/** `Position` and its `Incarnation`. */
export const POSITION_TAG = { incarnation: 0x0a, epoch: 0x10, revision: 0x18 } as const;
export const INCARNATION_TAG = { generation: 0x08, id: 0x12 } as const;
