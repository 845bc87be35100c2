import type { ServiceId } from "../../../src/model/ids.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { Nack } from "./ads-subscription.ts";
import { allWordsOf, isNamed, wordsOf } from "./nack-words.ts";
import type { ServiceInput } from "./render-input.ts";

export type Inputs = ReadonlyMap<ServiceId, ServiceInput>;

/** How the proxies took a set of inputs. */
export type Outcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly nacks: readonly Nack[] }
  | { readonly kind: "unanswered" };

/** What came of trying to change some services. */
export interface Settlement {
  /** What the proxies accepted: the old input where the new one was refused. */
  readonly accepted: Inputs;
  readonly refused: ReadonlyMap<ServiceId, string>;
  readonly unanswered: readonly ServiceId[];
}

/** Offers inputs to the proxies and waits for what they say. */
export type Attempt = (inputs: Inputs) => Promise<Outcome>;

/**
 * Brings the changed services to the proxies, and finds those they refuse: by the resource they name if it is one service's own,
 * else by halving. The refused stay as they were, and all others advance.
 */
export async function isolate(base: Inputs, changed: Inputs, attempt: Attempt): Promise<Settlement> {
  const outcome = await attempt(new Map([...base, ...changed]));
  if (outcome.kind === "accepted") return settled(new Map([...base, ...changed]));
  if (outcome.kind === "unanswered") return { ...settled(base), unanswered: [...changed.keys()] };
  const words = allWordsOf(outcome.nacks);
  const blamed = culprits(outcome.nacks, changed);
  if (blamed.length > 0) return await without(blamed, { base, changed, attempt, words });
  return await halves({ base, changed, attempt, words });
}

interface Trial {
  readonly base: Inputs;
  readonly changed: Inputs;
  readonly attempt: Attempt;
  readonly words: string;
}

function settled(accepted: Inputs): Settlement {
  return { accepted, refused: new Map(), unanswered: [] };
}

async function without(blamed: readonly Blame[], { base, changed, attempt }: Trial): Promise<Settlement> {
  const refused = new Map(blamed.map(({ service, words }) => [service, words]));
  const others = new Map([...changed].filter(([service]) => !refused.has(service)));
  const rest = await isolate(base, others, attempt);
  return { ...rest, refused: new Map([...refused, ...rest.refused]) };
}

/** Nobody can be named: the half that is accepted is innocent. */
async function halves({ base, changed, attempt, words }: Trial): Promise<Settlement> {
  const names = [...changed.keys()].toSorted(compareNames);
  const [only] = names;
  if (only === undefined) return settled(base);
  // Back to what was accepted before, so that the refused does not stay out there.
  if (names.length === 1) return { ...(await isolate(base, new Map(), attempt)), refused: new Map([[only, words]]) };
  const first = await isolate(base, pick(changed, names.slice(0, names.length / 2)), attempt);
  const second = await isolate(first.accepted, pick(changed, names.slice(names.length / 2)), attempt);
  return {
    accepted: second.accepted,
    refused: new Map([...first.refused, ...second.refused]),
    unanswered: [...first.unanswered, ...second.unanswered],
  };
}

function pick(inputs: Inputs, names: readonly ServiceId[]): Inputs {
  const wanted = new Set(names);
  return new Map([...inputs].filter(([service]) => wanted.has(service)));
}

interface Blame {
  readonly service: ServiceId;
  readonly words: string;
}

/** The changed services whose own resources a proxy named. A resource of several services accuses none of them. */
function culprits(nacks: readonly Nack[], changed: Inputs): readonly Blame[] {
  return nacks.flatMap((nack) =>
    nack.resources
      .filter(({ name }) => isNamed(nack.message, name))
      .flatMap(({ services }) => (services.length === 1 ? services : []))
      .filter((service) => changed.has(service))
      .map((service) => ({ service, words: wordsOf(nack) })),
  );
}
