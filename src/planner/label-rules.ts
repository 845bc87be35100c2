import type { LabelValues, ServicePolicy } from "../model/fleet-document.ts";
import { compareNames } from "../model/ids.ts";

/** A cluster's label of a name; undefined: it has none. */
export type LabelOf = (name: string) => string | undefined;

/** Rules of a policy that go by labels, by the name under which they are declared. */
export type LabelRule = "requiredLabels" | "allowedLabels" | "deniedLabels";

/** What a policy says of labels. */
export type LabelPolicy = Pick<ServicePolicy, LabelRule>;

/** The rule that keeps a cluster with these labels from serving; undefined: none does. */
export function labelRuleAgainst(labelOf: LabelOf, policy: LabelPolicy): LabelRule | undefined {
  if (deniedAmong(labelOf, policy) !== undefined) return "deniedLabels";
  if (notAllowedAmong(labelOf, policy) !== undefined) return "allowedLabels";
  return missingAmong(labelOf, policy.requiredLabels).length > 0 ? "requiredLabels" : undefined;
}

/** Why labels keep a cluster from serving, in words that follow "it" or a cluster's name. */
export function labelRuleText(rule: LabelRule, labelOf: LabelOf, policy: LabelPolicy): string {
  const valueOf = (name: string): string => labelOf(name) ?? "";
  switch (rule) {
    case "deniedLabels": {
      const name = deniedAmong(labelOf, policy) ?? "";
      return `deniedLabels names ${name}=${valueOf(name)}`;
    }
    case "allowedLabels": {
      const name = notAllowedAmong(labelOf, policy) ?? "";
      const has = labelOf(name) === undefined ? `no label ${name}` : `${name}=${valueOf(name)}`;
      return `allowedLabels asks for ${name}=${(policy.allowedLabels?.[name] ?? []).join(" or ")}, and it has ${has}`;
    }
    case "requiredLabels":
      return `requiredLabels asks for ${missingAmong(labelOf, policy.requiredLabels).join(", ")}`;
    default:
      return rule satisfies never;
  }
}

function deniedAmong(labelOf: LabelOf, { deniedLabels = {} }: LabelPolicy): string | undefined {
  return namesOf(deniedLabels).find((name) => includes(deniedLabels, name, labelOf(name)));
}

function notAllowedAmong(labelOf: LabelOf, { allowedLabels = {} }: LabelPolicy): string | undefined {
  return namesOf(allowedLabels).find((name) => !includes(allowedLabels, name, labelOf(name)));
}

function includes(labels: LabelValues, name: string, value: string | undefined): boolean {
  return value !== undefined && labels[name]?.includes(value) === true;
}

/** Labels that are asked for and missing, as `name=value`, sorted. */
export function missingAmong(labelOf: LabelOf, required: Readonly<Record<string, string>>): readonly string[] {
  return namesOf(required)
    .filter((name) => labelOf(name) !== required[name])
    .map((name) => `${name}=${required[name] ?? ""}`);
}

/** What it weighs that a request leaves its locality, ms: the penalties of all labels that source and destination differ in. */
export function crossingPenaltyMs(
  { localityPenaltyMs = {} }: Pick<ServicePolicy, "localityPenaltyMs">,
  source: LabelOf,
  destination: LabelOf,
): number {
  return namesOf(localityPenaltyMs)
    .filter((name) => source(name) !== destination(name))
    .reduce((sum, name) => sum + (localityPenaltyMs[name] ?? 0), 0);
}

function namesOf(labels: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(labels).toSorted(compareNames);
}
