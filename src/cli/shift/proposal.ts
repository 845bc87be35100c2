import type { MessageInitShape } from "@bufbuild/protobuf";
import { Option } from "commander";
import type { Command } from "commander";
import type { ServicePlanView, WeightedDestination } from "../../../proto/gen/weir/v1/plan_pb.ts";
import type { ShiftProposalSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Fields } from "../../io/yaml/fields.ts";
import type { Split } from "../../model/destination.ts";
import type { ClusterId, Version } from "../../model/ids.ts";
import { API } from "../api.ts";
import { readDocuments } from "../documents.ts";
import { misused, refused } from "../failure.ts";
import { DURATION, SHARE } from "../notation.ts";
import { bakeOption, several, stepOption } from "../option.ts";
import type { Session } from "../session.ts";
import { splitFor, toSplitTarget, wishOf } from "./target.ts";
import type { Present, Wish } from "./target.ts";

/** A shift as it is sent. */
export type Proposal = MessageInitShape<typeof ShiftProposalSchema>;

/** Options with which a shift is described. */
export interface ProposalOptions {
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly step?: number;
  readonly bake?: number;
  readonly reason?: string;
  readonly filename?: string;
}

/** Adds what preview and request have in common. */
export function withProposal(command: Command): Command {
  return command
    .argument("[service]", "namespace/name")
    .addOption(new Option("--from <cluster>", "cluster whose callers move; may be repeated").argParser(several))
    .addOption(
      new Option(
        "--to <destination=share>",
        "where they shall go: eu-west/v1=50%, or eu-west=50% for the stable version while the rest stays; or automatic",
      ).argParser(several),
    )
    .addOption(stepOption())
    .addOption(bakeOption())
    .option("-f, --filename <path>", "file with one document of the kind Shift, instead of the options");
}

/** The shift that a command line or a file describes. */
export async function proposalOf(
  given: { readonly service: string | undefined; readonly options: ProposalOptions; readonly command: Command },
  session: Session,
): Promise<Proposal> {
  const { service, options, command } = given;
  if (options.filename !== undefined) return fromFile(options.filename, options);
  const { from = [], to = [], step = 0, bake, reason = "" } = options;
  if (service === undefined) throw misused("name a service, such as shop/checkout", "or give a file with -f");
  if (from.length === 0) throw misused("say whose callers move: --from CLUSTER");
  if (to.length === 0) throw misused("say where they shall go: --to CLUSTER/VERSION=SHARE, or --to automatic");
  const target = await targetOf({ service, from, to, command }, session);
  const pace = { maxStepWeight: step, ...(bake === undefined ? {} : { bakeMs: bake }) };
  return { service, sources: [...from], target, ...pace, reason };
}

async function targetOf(
  given: {
    readonly service: string;
    readonly from: readonly string[];
    readonly to: readonly string[];
    readonly command: Command;
  },
  session: Session,
): Promise<NonNullable<Proposal["target"]>> {
  const { service, from, to, command } = given;
  if (to.length === 1 && to[0] === "automatic") return { target: { case: "automatic", value: {} } };
  const wishes = to.map(readWish);
  const needsPresent = wishes.some(({ version }) => version === undefined);
  const present = needsPresent ? await presentOf({ service, from, command }, session) : NOTHING_PRESENT;
  const split = splitFor(wishes, present);
  if (!split.ok) throw refused(split.refusal);
  return toSplitTarget(split.value);
}

function readWish(text: string): Wish {
  const wish = wishOf(text);
  if (!wish.ok) throw refused(wish.refusal);
  return wish.value;
}

/** When every destination is named, nothing of now is needed. */
const NOTHING_PRESENT: Present = { stableVersion: "" as Version, splits: new Map() };

async function presentOf(
  { service, from, command }: { readonly service: string; readonly from: readonly string[]; readonly command: Command },
  session: Session,
): Promise<Present> {
  const { service: found } = await session.call(command, API.services.getService, { service });
  const { plans } = await session.call(command, API.plans.getPlan, { service });
  const splits = from.map((source): readonly [ClusterId, Split] => [source as ClusterId, splitNow(plans, source)]);
  return { stableVersion: (found?.spec?.stableVersion ?? "") as Version, splits: new Map(splits) };
}

function splitNow(plans: readonly ServicePlanView[], source: string): Split {
  const routeSet = plans.flatMap(({ released }) => released).find(({ cluster }) => cluster === source);
  return (routeSet?.rules.at(-1)?.routes ?? []).map(weightedOf);
}

function weightedOf({ destination, weight }: Pick<WeightedDestination, "destination" | "weight">): Split[number] {
  const [cluster, version] = [destination?.cluster ?? "", destination?.version ?? ""];
  return { destination: { cluster: cluster as ClusterId, version: version as Version }, weight };
}

async function fromFile(path: string, options: ProposalOptions): Promise<Proposal> {
  const documents = await readDocuments(path, { kind: "Shift", read: shiftOf });
  const [proposal, ...others] = documents;
  if (proposal === undefined || others.length > 0) throw misused(`${path} must hold one document of the kind Shift`);
  return options.reason === undefined ? proposal : { ...proposal, reason: options.reason };
}

/** Reads a document of the kind Shift. */
function shiftOf(fields: Fields): Proposal {
  const weights = fields.list("to").map((entry) => {
    const destination = { cluster: entry.text("cluster"), version: entry.text("version") };
    const weight = entry.parsed("weight", SHARE) ?? 0;
    entry.done();
    return { destination, weight };
  });
  const bakeMs = fields.optionalParsed("bake", DURATION);
  return {
    service: fields.text("service"),
    sources: [...fields.texts("from")],
    target: { target: { case: "split", value: { weights } } },
    maxStepWeight: fields.optionalParsed("step", SHARE) ?? 0,
    ...(bakeMs === undefined ? {} : { bakeMs }),
    reason: fields.optionalText("reason") ?? "",
  };
}
