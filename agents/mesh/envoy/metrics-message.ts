import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  StreamMetricsMessageSchema,
  StreamMetricsMessage_IdentifierSchema,
} from "../../../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts";
import type { MetricFamily, Summary } from "../../../proto/gen/io/prometheus/client/metrics_pb.ts";
import { MetricFamilySchema } from "../../../proto/gen/io/prometheus/client/metrics_pb.ts";

/** One statistic as a proxy sent it. */
export interface Reading {
  readonly name: string;
  readonly isCounter: boolean;
  /** A counter's running total; the value of a gauge; 0 of anything else. */
  readonly value: number;
  /** Quantiles of a distribution by their rank, 0 to 1. */
  readonly quantiles: ReadonlyMap<number, number>;
  /** Mean of a distribution that counted something. */
  readonly mean?: number;
}

/** What a proxy sends of its statistics at one time. */
export interface MetricsMessage {
  /** Who sends, which only the first message of a stream says. */
  readonly node: string | undefined;
  /** When it was written, by the sender's clock, ms since 1970; undefined: it does not say. */
  readonly writtenMs: number | undefined;
  readonly readings: readonly Reading[];
}

const IDENTIFIER = StreamMetricsMessageSchema.field.identifier.number;
const METRICS = StreamMetricsMessageSchema.field.envoyMetrics.number;

/**
 * Reads the bytes of a StreamMetricsMessage, one family after another: all of them as messages at once are some MiB of garbage every
 * few seconds, too much to be collected while it is young. Throws when they are no such message.
 */
export function readMetricsMessage(bytes: Uint8Array): MetricsMessage {
  const reader = new BinaryReader(bytes);
  const readings: Reading[] = [];
  let node: string | undefined;
  let writtenMs: number | undefined;
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === METRICS) {
      const family = fromBinary(MetricFamilySchema, reader.bytes(), FROM_ENVOY);
      const reading = readingOf(family);
      writtenMs ??= Number(family.metric[0]?.timestampMs ?? 0) || undefined;
      if (reading !== undefined) readings.push(reading);
    } else if (number === IDENTIFIER) {
      node = fromBinary(StreamMetricsMessage_IdentifierSchema, reader.bytes(), FROM_ENVOY).node?.id ?? node;
    } else reader.skip(type, number);
  }
  return { node, writtenMs, readings };
}

const FROM_ENVOY = { readUnknownFields: false };

/** A family's first metric: Envoy puts one into each. */
export function readingOf({ name, metric: [metric] }: MetricFamily): Reading | undefined {
  if (metric === undefined) return undefined;
  const { counter, gauge, summary } = metric;
  const finite = summary?.quantile.filter(({ value }) => Number.isFinite(value)) ?? [];
  const mean = meanOf(summary);
  return {
    name,
    isCounter: counter !== undefined,
    value: counter?.value ?? gauge?.value ?? 0,
    quantiles: finite.length === 0 ? NONE : new Map(finite.map(({ quantile, value }) => [quantile, value])),
    ...(mean === undefined ? {} : { mean }),
  };
}

/**
 * Mean of what was counted since the message before. Envoy 1.40, measured: sum and count are of that interval, as the quantiles are; it
 * knows values by two significant digits, so that either is right within 5 %, and the mean, whose errors even out, within 1 %.
 */
function meanOf(summary: Summary | undefined): number | undefined {
  if (summary === undefined || summary.sampleCount === 0n) return undefined;
  const mean = summary.sampleSum / Number(summary.sampleCount);
  return Number.isFinite(mean) ? mean : undefined;
}

const NONE: ReadonlyMap<number, number> = new Map();
