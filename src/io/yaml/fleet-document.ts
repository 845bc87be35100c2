import { FLEET_DOCUMENT_KIND, FLEET_DOCUMENT_VERSION } from "../../model/fleet-document.ts";
import type { FleetDocument } from "../../model/fleet-document.ts";
import type { Refusal } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { DEFAULT_UTILISATION_MAX } from "../../model/settings.ts";
import { EveryRefusal } from "./every-refusal.ts";
import { Fields } from "./fields.ts";
import { clustersOf } from "./fleet/clusters.ts";
import { matrixOf } from "./fleet/matrices.ts";
import { PRICE_DECIDES, priceRateOf } from "./fleet/objective.ts";
import { servicesOf } from "./fleet/services.ts";
import { SHARE_OF_ONE } from "./fleet/measures.ts";
import type { Limits } from "./limits.ts";
import { readJson } from "./read-json.ts";
import { readYaml } from "./read.ts";
import type { YamlValue } from "./value.ts";

/** What a document that leaves it out gets. */
export const DEFAULTS = { utilisationMax: DEFAULT_UTILISATION_MAX, localRttMs: 0.5 } as const;

/** Limits for documents that programs write: 100 clusters and 2000 services are about a million values. */
export const EXPORTED: Limits = { bytesMax: 256 * 1_048_576, lexemesMax: 40_000_000, valuesMax: 8_000_000 };

/**
 * Reads a fleet in one document, YAML or JSON. Strict: what is unknown, contradictory or impossible is refused, all of it at
 * once, each with its line. The schema that `weir plan schema` prints says what may stand where.
 *
 * @param file - as messages show it.
 */
export function readFleetDocument(
  text: string,
  file: string,
  limits = EXPORTED,
): Result<FleetDocument, readonly Refusal[]> {
  const value = onlyValue(text, file, limits);
  if (!value.ok) return refuse([value.refusal]);
  const checks = new EveryRefusal();
  const document = documentOf(new Fields(value.value, "", { checks, file }));
  return checks.every(document);
}

function onlyValue(text: string, file: string, limits: Limits): Result<YamlValue, Refusal> {
  const json = text.length <= limits.bytesMax ? readJson(text, file, limits) : undefined;
  if (json !== undefined) return json;
  const values = readYaml(new TextEncoder().encode(text), file, limits);
  if (!values.ok) return values;
  const [value, second] = values.value;
  if (value !== undefined && second === undefined) return ok(value);
  const message = `${file} line ${second?.place.line ?? 1}: a second document begins; a fleet is one document`;
  return refuse({ code: "FIELD_INVALID", field: "", message });
}

function documentOf(fields: Fields): FleetDocument {
  exactly(fields, "apiVersion", FLEET_DOCUMENT_VERSION);
  exactly(fields, "kind", FLEET_DOCUMENT_KIND);
  const description = fields.optionalText("description") ?? "";
  const settings = settingsOf(fields.optionalFields("settings"));
  const localRttMs = fields.optionalAmount("localRttMs") ?? DEFAULTS.localRttMs;
  const clusters = clustersOf(fields);
  const names = clusters.map(({ name }) => name);
  const rttMs = matrixOf(fields, "rttMs", { names, isSymmetric: true });
  const egressDollarsPerGb = matrixOf(fields, "egressDollarsPerGb", { names, isSymmetric: false });
  const read = servicesOf(fields, clusters);
  fields.done();
  const services = read.map(({ objective, ...service }) => ({
    ...service,
    objective:
      objective === PRICE_DECIDES
        ? { dollarsPerRequestMs: priceRateOf(egressDollarsPerGb, service.bytesPerRequest) }
        : objective,
  }));
  return { description, clusters, rttMs, localRttMs, egressDollarsPerGb, services, settings };
}

function exactly(fields: Fields, key: string, wanted: string): void {
  fields.parsed(key, { parse: (text) => (text === wanted ? text : undefined), wanted, code: "FIELD_INVALID" });
}

function settingsOf(fields: Fields | undefined): FleetDocument["settings"] {
  const utilisationMax = fields?.optionalMeasure("utilisationMax", SHARE_OF_ONE) ?? DEFAULTS.utilisationMax;
  if (utilisationMax === 0)
    fields?.refuse("FIELD_INVALID", "utilisationMax", "is 0, which leaves no room for anything");
  fields?.done();
  return { utilisationMax };
}
