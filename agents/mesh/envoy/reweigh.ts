import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { sameSplit } from "../../../src/model/destination.ts";
import type { Route, RouteSet, Rule } from "../../../src/model/plan.ts";
import { RouteConfigurationSchema } from "../../../proto/gen/envoy/config/route/v3/route_pb.ts";
import {
  RouteActionSchema,
  RouteSchema,
  VirtualHostSchema,
  WeightedClusterSchema,
  WeightedCluster_ClusterWeightSchema,
} from "../../../proto/gen/envoy/config/route/v3/route_components_pb.ts";

/** Whether all that two route sets have in common but their weights is everything. */
export function differInWeights(a: RouteSet, b: RouteSet): boolean {
  const isSame = a.service === b.service && a.cluster === b.cluster && a.protocol === b.protocol && a.port === b.port;
  if (!isSame || a.rules.length !== b.rules.length) return false;
  if (!a.rules.every((rule, index) => isSameRule(rule, b.rules[index]))) return false;
  // Texts are compared quickest; other texts for the same only mean that it is rendered anew.
  const rest = ({ serves, request, reaches }: RouteSet) => JSON.stringify([serves, request, reaches]);
  return rest(a) === rest(b);
}

function isSameRule(a: Rule, b: Rule | undefined): boolean {
  if (b === undefined || a.routes.length !== b.routes.length) return false;
  return (
    a.routes.every((route, index) => isSameRoute(route, b.routes[index])) &&
    JSON.stringify(a.match) === JSON.stringify(b.match)
  );
}

function isSameRoute({ destination: { cluster, version }, fallback }: Route, other: Route | undefined): boolean {
  if (other?.destination.cluster !== cluster || other.destination.version !== version) return false;
  return sameSplit(fallback, other.fallback);
}

/** Numbers of the fields that lead from a route configuration to the entries of its weighted clusters. */
const TO_ENTRIES = [
  RouteConfigurationSchema.field.virtualHosts.number,
  VirtualHostSchema.field.routes.number,
  numberOf(RouteSchema, "route"),
  numberOf(RouteActionSchema, "weighted_clusters"),
  WeightedClusterSchema.field.clusters.number,
];
const WEIGHT = WeightedCluster_ClusterWeightSchema.field.weight.number;
/** Of google.protobuf.UInt32Value. */
const VALUE = 1;

function numberOf(
  { fields }: { readonly fields: readonly { readonly name: string; readonly number: number }[] },
  name: string,
): number {
  const found = fields.find((field) => field.name === name);
  if (found === undefined) throw new Error(`broken promise: no field ${name}`);
  return found.number;
}

/**
 * The bytes of a route configuration with other weights, one for each entry of its weighted clusters, in their order. They are
 * the bytes that rendering it anew would give; what else is in them need not be known. Throws when there are more or fewer
 * entries than weights.
 */
export function reweigh(bytes: Uint8Array, weights: readonly number[]): Uint8Array {
  const rewriting: Rewriting = { bytes, reader: new BinaryReader(bytes), writer: new BinaryWriter(), weights, used: 0 };
  rewrite(rewriting, bytes.length, 0);
  if (rewriting.used !== weights.length) throw new Error(`${weights.length} weights for ${rewriting.used} entries`);
  return rewriting.writer.finish();
}

interface Rewriting {
  readonly bytes: Uint8Array;
  readonly reader: BinaryReader;
  readonly writer: BinaryWriter;
  readonly weights: readonly number[];
  used: number;
}

/** Copies the fields up to `end`, those on the way to a weight from the inside out. */
function rewrite(rewriting: Rewriting, end: number, depth: number): void {
  const { bytes, reader, writer } = rewriting;
  const wanted = TO_ENTRIES[depth] ?? WEIGHT;
  let copied = reader.pos;
  while (reader.pos < end) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    if (number !== wanted) {
      reader.skip(type, number);
      continue;
    }
    writer.raw(bytes.subarray(copied, start));
    const inner = reader.uint32() + reader.pos;
    writer.tag(number, WireType.LengthDelimited).fork();
    if (depth < TO_ENTRIES.length) rewrite(rewriting, inner, depth + 1);
    else writeNext(rewriting);
    writer.join();
    reader.pos = inner;
    copied = inner;
  }
  writer.raw(bytes.subarray(copied, end));
}

function writeNext(rewriting: Rewriting): void {
  const { writer, weights } = rewriting;
  const weight = weights[rewriting.used++];
  if (weight === undefined) throw new Error(`${weights.length} weights are fewer than there are entries`);
  // As everywhere in proto3, nothing is how a zero is written.
  if (weight !== 0) writer.tag(VALUE, WireType.Varint).uint32(weight);
}
