import { z } from "zod";
import { FLEET_DOCUMENT_KIND, FLEET_DOCUMENT_VERSION } from "../../../model/fleet-document.ts";
import { SHARE_TEXT } from "./measures.ts";

const label = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
  .max(63);
const serviceName = z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?\/[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
const amount = z.number().min(0);
const positive = z.number().gt(0);
const shareText = z.string().regex(SHARE_TEXT);
const share = z.union([z.number().min(0).max(1), shareText]).describe("0 to 1, or as text: 5%, 33.33%, 500bp");
const someShare = z.union([z.number().gt(0).max(1), shareText]).describe("above 0 to 1, or as text: 5%, 500bp");
const texts = z.record(z.string(), z.string());
const clusters = z.array(label);

const cluster = z.strictObject({
  name: label,
  labels: texts.optional().describe("what policies ask for, such as residency: eu"),
  state: z
    .enum(["active", "cordoned", "draining", "dead"])
    .optional()
    .describe("cordoned: only its own callers; draining and dead: nobody; its callers still ask. Default active"),
  maxDestinations: z.int().min(1).optional().describe("most destinations of one route of its mesh; default: no end"),
});

const place = {
  cluster: label,
  version: label,
  readyShare: share.optional().describe("share of its endpoints that are ready, for failover orders; default 1"),
};
const queue = {
  meanWorkMs: positive.optional().describe("mean time that one request is worked on, ms; default 20"),
  squaredVariation: amount.optional().describe("squared coefficient of variation of that time; default 1"),
};
const destination = z.union([
  z
    .strictObject({ ...place, servers: amount.describe("requests that are worked on at once"), ...queue })
    .describe("an M/G/c queue; its capacity is 1000 * servers / meanWorkMs rps"),
  z
    .strictObject({ ...place, capacityRps: amount, ...queue })
    .describe("a declared capacity: a queue with capacityRps * meanWorkMs / 1000 servers"),
  z
    .strictObject({
      ...place,
      latency: z.strictObject({ baseMs: amount, coefficient: amount, exponent: z.number().min(1) }),
      capacityRps: amount.optional().describe("default: without end"),
    })
    .describe("latency = baseMs + coefficient * rps^exponent, ms"),
]);

const labelValues = z.record(z.string(), z.union([z.string(), z.array(z.string()).min(1)]));
const tier = z.union([
  label.describe("a cluster"),
  z.strictObject({ labels: texts }).describe("all clusters with all of these"),
  z.strictObject({ own: z.literal("cluster") }).describe("the source itself"),
]);
const failover = z
  .strictObject({
    order: z.array(tier).min(1).optional().describe("for sources without an order of their own"),
    orderBySource: z.record(label, z.array(tier).min(1)).optional(),
    healthyMin: someShare.optional().describe("ready share from which a tier is healthy; default 0.7"),
  })
  .describe(
    "requests go to the first healthy tier, what it has no room for to the next, and to nobody who is on none; tiers that " +
      "are not healthy come last. Beside isolation none only",
  );

const policy = z.strictObject({
  isolation: z
    .enum(["none", "nearest", "strict"])
    .optional()
    .describe("nearest: leaves home only for want of a living destination there; strict: never. Default none"),
  requiredLabels: texts.optional().describe("only clusters with all of these serve it"),
  allowedLabels: labelValues
    .optional()
    .describe("only clusters whose label of each name has one of its values serve it"),
  deniedLabels: labelValues.optional().describe("clusters that have any of these never serve it"),
  allowedClusters: clusters.optional().describe("only these serve it; default: any"),
  deniedClusters: clusters.optional().describe("these never serve it"),
  maxShare: someShare.optional(),
  surviveLossOf: z
    .union([z.enum(["none", "any"]), clusters])
    .optional()
    .describe("losses that the plan leaves room for: any single cluster, or each of those listed. Default none"),
  failover: failover.optional(),
  localityPenaltyMs: z
    .record(z.string(), amount)
    .optional()
    .describe("label name to what a request must save, ms, to go where that label differs from its source's"),
});

const service = z.strictObject({
  name: serviceName,
  stableVersion: label.optional().describe("gets what no release gives to another; default: the only version there is"),
  demandRps: z.record(label, amount).optional().describe("requests per second by source cluster"),
  bytesPerRequest: amount.optional().describe("of a request and its answer; default 0"),
  objective: z
    .union([z.enum(["latency", "price"]), z.strictObject({ dollarsPerRequestMs: positive })])
    .optional()
    .describe(
      "what a ms of one request is worth, dollars; default 1e-6. With price, price decides and latency breaks ties",
    ),
  destinations: z.array(destination).min(1),
  policy: policy.optional(),
  release: z
    .strictObject({
      shares: z.record(label, share).optional().describe("version to share of all of the service's requests"),
      maxSourceShare: share.optional().describe("most of one source's requests that one such version gets; default 1"),
      matches: z
        .array(
          z.strictObject({
            version: label,
            headers: z
              .record(z.string().regex(/^[a-z0-9-]{1,63}$/), z.string())
              .describe("names in lower case to exact values; all must hold, at least one"),
          }),
        )
        .optional()
        .describe(
          "requests that go to a version whatever the shares say; nobody knows how many, so a plan reckons none",
        ),
    })
    .optional(),
});

const matrix = z.record(label, z.record(label, amount));

/** A fleet document as JSON Schema can say it; what the reader checks beyond that is in the description. */
const FLEET = z
  .strictObject({
    apiVersion: z.literal(FLEET_DOCUMENT_VERSION),
    kind: z.literal(FLEET_DOCUMENT_KIND),
    description: z.string().optional(),
    settings: z
      .strictObject({
        utilisationMax: someShare.optional().describe("share of a capacity that is filled; default 0.9"),
      })
      .optional(),
    localRttMs: amount.optional().describe("round trip within a cluster, ms; default 0.5"),
    clusters: z.array(cluster).min(1),
    rttMs: matrix.optional().describe("round trip between clusters, ms, each pair once; a missing pair has 100"),
    egressDollarsPerGb: matrix
      .optional()
      .describe(
        "price of 1e9 bytes between clusters, dollars; one direction holds for both; a missing pair costs nothing",
      ),
    services: z.array(service),
  })
  .describe(
    "A fleet to be planned. Beyond this schema: names are unique and known where they are used, versions run somewhere that " +
      "policy allows, and the shares of a release are at most 1 and at most maxSourceShare each.",
  );

/** The format of a fleet document as JSON Schema (draft 2020-12). */
export function fleetDocumentSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...rest } = z.toJSONSchema(FLEET);
  return { $schema, $id: `https://${FLEET_DOCUMENT_VERSION}/fleet.schema.json`, title: FLEET_DOCUMENT_KIND, ...rest };
}
