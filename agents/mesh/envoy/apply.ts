import { isDeepStrictEqual } from "node:util";
import type { Applied, HeldPlan, LocalEndpoints, Mesh } from "../../core/ports.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { RouteRefusal } from "../../../src/model/report.ts";
import type { AdsServer } from "./ads-server.ts";
import type { Nack } from "./ads-subscription.ts";
import type { Inputs, Settlement } from "./isolate.ts";
import { isNamed, wordsOf } from "./nack-words.ts";
import type { Publisher } from "./publisher.ts";
import type { ServiceInput } from "./render-input.ts";
import { hostOf } from "./render-names.ts";
import { proxylessGap } from "./render-proxyless.ts";
import type { Scene } from "./view.ts";

type Apply = Mesh["apply"];
type ApplyOptions = Parameters<Apply>[1];

export interface ApplyPorts {
  readonly publisher: Publisher;
  readonly server: Pick<AdsServer, "standings" | "dialled">;
  readonly show: (scene: Scene) => void;
}

/** Makes `apply` of the mesh. One call at a time: the next begins when the one before has its answer. */
export function createApply(ports: ApplyPorts): Apply {
  let before: Promise<unknown> = Promise.resolve();
  return async (plan, options) => {
    const mine = before.then(async () => await applyOnce(ports, plan, options));
    // The next in turn goes on whatever became of this one, which tells its own caller.
    before = mine.catch(() => undefined);
    return await mine;
  };
}

async function applyOnce(ports: ApplyPorts, plan: HeldPlan, options: ApplyOptions): Promise<Applied> {
  const { publisher, server, show } = ports;
  const asked = inputsOf(plan, options, publisher.accepted());
  const unsupported = gaps(asked, server.dialled());
  const goal = keepingOld(asked, { unsupported, accepted: publisher.accepted() });
  // Callers wait for the new routes, and nobody yet for what the statistics of the new ones mean.
  const settling = publisher.settle(goal, options.signal);
  show({ routeSets: [...asked.values()].map(({ routeSet }) => routeSet), endpoints: options.endpoints });
  const settlement = await settling;
  const standing = server.standings().flatMap(({ nacks }) => nacks);
  const refusals = [
    ...refusalsOf(unsupported, { code: "UNSUPPORTED_BY_MESH", asked }),
    ...refusalsOf(settlement.refused, { code: "MESH_REJECTED", asked }),
    ...refusalsOf(lateIn(settlement), { code: "APPLY_TIMEOUT", asked }),
  ];
  const all = [...refusals, ...standingRefusals(standing, { refusals, asked })];
  return { hashes: hashesOf(settlement.accepted, all), refusals: all };
}

/** What each service is rendered from. Inputs that did not change stay the same objects. */
function inputsOf(plan: HeldPlan, { avoid, endpoints }: ApplyOptions, accepted: Inputs): Inputs {
  const services = [...plan.routeSets.keys()].toSorted(compareNames);
  return new Map(services.map((service) => [service, inputOf({ plan, service, avoid, endpoints, accepted })]));
}

interface Sources {
  readonly plan: HeldPlan;
  readonly service: ServiceId;
  readonly avoid: ClusterId | undefined;
  readonly endpoints: LocalEndpoints;
  readonly accepted: Inputs;
}

function inputOf({ plan, service, avoid, endpoints, accepted }: Sources): ServiceInput {
  const held = plan.routeSets.get(service);
  if (held === undefined) throw new Error(`broken promise: ${service} is in the plan`);
  const local = endpoints.get(service) ?? new Map();
  const next = { ...held, local, ...(avoid === undefined ? {} : { avoid }) };
  const before = accepted.get(service);
  return before !== undefined && isSame(before, next) ? before : next;
}

function isSame(a: ServiceInput, b: ServiceInput): boolean {
  return a.hash === b.hash && a.avoid === b.avoid && (a.local === b.local || isDeepStrictEqual(a.local, b.local));
}

/** Services whose plan their proxyless callers, who are connected now, would misread. */
function gaps(asked: Inputs, dialled: ReadonlySet<string>): ReadonlyMap<ServiceId, string> {
  if (dialled.size === 0) return new Map();
  return new Map(
    [...asked.values()].flatMap(({ routeSet }) => {
      const gap = dialled.has(hostOf(routeSet.service)) ? proxylessGap(routeSet) : undefined;
      return gap === undefined ? [] : [[routeSet.service, gap] as const];
    }),
  );
}

interface Kept {
  readonly unsupported: ReadonlyMap<ServiceId, string>;
  readonly accepted: Inputs;
}

function keepingOld(asked: Inputs, { unsupported, accepted }: Kept): Inputs {
  if (unsupported.size === 0) return asked;
  return new Map(
    [...asked].flatMap(([service, input]) => {
      const kept = unsupported.has(service) ? accepted.get(service) : input;
      return kept === undefined ? [] : [[service, kept] as const];
    }),
  );
}

function lateIn({ unanswered }: Settlement): ReadonlyMap<ServiceId, string> {
  return new Map(
    unanswered.map((service) => [service, "no answer from the proxies in time; they will get it when they can"]),
  );
}

interface Named {
  readonly code: string;
  readonly asked: Inputs;
}

function refusalsOf(reasons: ReadonlyMap<ServiceId, string>, { code, asked }: Named): readonly RouteRefusal[] {
  return [...reasons]
    .toSorted(([a], [b]) => compareNames(a, b))
    .map(([service, detail]) => ({ service, hash: asked.get(service)?.hash ?? "", code, detail }));
}

interface Told {
  readonly refusals: readonly RouteRefusal[];
  readonly asked: Inputs;
}

/** What a proxy refuses though others, or it itself before a restart, accepted it: an address in use, for instance. */
function standingRefusals(nacks: readonly Nack[], { refusals, asked }: Told): readonly RouteRefusal[] {
  const told = new Set(refusals.map(({ service }) => service));
  const reasons = new Map<ServiceId, string>();
  for (const nack of nacks) {
    const named = nack.resources.filter(({ name }) => isNamed(nack.message, name));
    for (const { services } of named.length === 0 ? nack.resources : named) {
      for (const service of services) if (!told.has(service)) reasons.set(service, wordsOf(nack));
    }
  }
  return refusalsOf(reasons, { code: "MESH_REJECTED", asked });
}

function hashesOf(accepted: Inputs, refusals: readonly RouteRefusal[]): Applied["hashes"] {
  const refused = new Set(refusals.map(({ service, hash }) => `${service} ${hash}`));
  const applied = [...accepted].filter(([service, { hash }]) => !refused.has(`${service} ${hash}`));
  return Object.fromEntries(applied.map(([service, { hash }]) => [service, hash]));
}
