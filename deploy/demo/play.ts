import type { Operator } from "./operator.ts";
import type { Stack } from "./stack.ts";
import type { Selection, Tally } from "./tally.ts";
import type { DemoWorkload, Topology } from "./topology.ts";

/** Shares per source cluster and `cluster/version`, 0 to 1. */
export type Shares = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What every chapter plays on. */
export interface Play {
  readonly topology: Topology;
  /** The service whose traffic the chapters move: shop/greeter when there is no Envoy. */
  readonly service: DemoWorkload["service"];
  readonly stack: Stack;
  readonly operator: Operator;
  readonly tally: Tally;
  /** Shows a line of progress. */
  readonly say: (line: string) => void;
}

/** One thing a chapter claims and looked at. */
export interface Check {
  readonly claim: string;
  readonly holds: boolean;
  readonly seen: string;
}

/** Mean latency of one source's requests, ms. */
export interface Latency {
  /** By the planner's model, from the shares it intends and the demand it measured. */
  readonly predictedMs: number;
  /** Of the real requests, as their callers saw it. */
  readonly observedMs: number;
}

/** By source cluster. */
export type Latencies = Readonly<Record<string, Latency>>;

/** What one destination serves, requests per second. */
export interface Load {
  readonly plannedRps: number;
  readonly observedRps: number;
  /** Up to which planning fills it. */
  readonly limitRps: number;
}

/** One stretch of a chapter that has several. */
export interface Phase {
  readonly name: string;
  readonly intended: Shares;
  readonly observed: Shares;
  readonly latencies: Latencies;
  /** By `cluster/version`. */
  readonly loads: Readonly<Record<string, Load>>;
}

/** What a chapter found. Requests are counted over `counted`. */
export interface Outcome {
  readonly counted: Selection;
  readonly checks: readonly Check[];
  readonly intended?: Shares;
  readonly observed?: Shares;
  readonly latencies?: Latencies;
  readonly phases?: readonly Phase[];
  /** What took how long, ms. */
  readonly tookMs?: Readonly<Record<string, number>>;
  /** Lines of `weir plan explain`. */
  readonly explained?: readonly string[];
  readonly recoveryMs?: number;
  /** Most failed requests allowed, as a share of all; 0 unless said. */
  readonly failedRatioMax?: number;
}

/** One part of the play. */
export interface Chapter {
  readonly name: string;
  readonly title: string;
  readonly run: (play: Play) => Promise<Outcome>;
}
