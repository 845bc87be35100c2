import type { DocumentCluster } from "../../../model/fleet-document.ts";
import type { ClusterId } from "../../../model/ids.ts";
import type { Fields } from "../fields.ts";
import { COUNT } from "./measures.ts";
import { nameOf, refuseRepeated } from "./names.ts";

const STATES = { active: "active", cordoned: "cordoned", draining: "draining", dead: "dead" } as const;

/** The clusters of a document. At least one must be there. */
export function clustersOf(fields: Fields): readonly DocumentCluster[] {
  fields.require("clusters");
  const items = fields.list("clusters");
  if (fields.kindOf("clusters") === "list" && items.length === 0)
    fields.refuse("EMPTY_PLAN", "clusters", "has no cluster");
  const read = items.map((item) => ({ fields: item, cluster: clusterOf(item) }));
  refuseRepeated(
    read.map(({ fields: item, cluster }) => ({ name: cluster.name, fields: item })),
    "name",
  );
  return read.map(({ cluster }) => cluster);
}

function clusterOf(fields: Fields): DocumentCluster {
  const name = nameOf<ClusterId>(fields, "name");
  const labels = labelsOf(fields, "labels");
  const state = fields.optionalChoice("state", STATES) ?? "active";
  const maxDestinations = fields.optionalMeasure("maxDestinations", COUNT);
  fields.done();
  return { name, labels, state, ...(maxDestinations === undefined ? {} : { maxDestinations }) };
}

/** A mapping from free names to texts. */
export function labelsOf(fields: Fields, key: string): Readonly<Record<string, string>> {
  const inner = fields.optionalFields(key);
  const entries = inner?.keys().map((name) => [name, inner.text(name)] as const) ?? [];
  return Object.fromEntries(entries);
}
