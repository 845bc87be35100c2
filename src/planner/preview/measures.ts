import type { DestinationKey, Split } from "../../model/destination.ts";
import { compareDestinations, keyOf, WEIGHT_TOTAL } from "../../model/destination.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import type { ClusterId } from "../../model/ids.ts";
import { compareNames } from "../../model/ids.ts";
import type { Settings } from "../../model/settings.ts";
import type { FreeWithoutOne, MeasuredLoad, Measures, Splits } from "../../model/preview.ts";
import { curveOf } from "../cost.ts";
import type { Offer } from "../eligible.ts";
import { costAt, costCurveOf } from "../optimise/curve.ts";
import { outlookOf } from "../outlook.ts";
import type { SourceOutlook } from "../outlook.ts";
import { dollarsPerRequest, priceMs, valuationOf } from "../valuation.ts";
import type { Valuation } from "../valuation.ts";

/** Measures splits in a state. */
export function measuresOf(
  state: FleetState,
  service: ServiceState,
  { splits, settings }: { readonly splits: Splits; readonly settings: Settings },
): Measures {
  const sources = outlookOf(state, service);
  const valuation = valuationIn(service, sources);
  const sums = { demandRps: 0, waysMs: 0, pricesMs: 0, dollarsPerHour: 0, lostRps: 0 };
  const loads = new Map<DestinationKey, Load>();
  for (const source of sources) {
    sums.demandRps += source.demandRps;
    const offers = new Map(source.offers.map((offer) => [offer.key, offer]));
    const split = splits[source.cluster] ?? [];
    if (split.length === 0) sums.lostRps += source.demandRps;
    for (const { destination, weight } of split) {
      const rps = (weight / WEIGHT_TOTAL) * source.demandRps;
      if (rps === 0) continue;
      const offer = offers.get(keyOf(destination));
      if (offer === undefined || offer.loss !== undefined) {
        sums.lostRps += rps;
        continue;
      }
      sums.waysMs += rps * offer.rttMs;
      sums.pricesMs += rps * priceMs(offer.egressDollarsPerGb, valuation);
      sums.dollarsPerHour += 3_600 * rps * dollarsPerRequest(offer.egressDollarsPerGb, valuation.bytesPerRequest);
      const load = loads.get(offer.key) ?? { offer, loadRps: 0 };
      load.loadRps += rps;
      loads.set(offer.key, load);
    }
  }
  return summedUp(sums, [...loads.values()].toSorted(byDestination), settings);
}

interface Load {
  readonly offer: Offer;
  loadRps: number;
}

function byDestination(a: Load, b: Load): number {
  return compareDestinations(a.offer.destination, b.offer.destination);
}

interface Sums {
  readonly demandRps: number;
  readonly waysMs: number;
  readonly pricesMs: number;
  readonly dollarsPerHour: number;
  readonly lostRps: number;
}

function summedUp({ waysMs, pricesMs, ...sums }: Sums, loads: readonly Load[], settings: Settings): Measures {
  const queuesMs = loads.reduce((sum, { offer, loadRps }) => sum + costAt(costCurveOf(curveOf(offer)), loadRps), 0);
  const servedRps = sums.demandRps - sums.lostRps;
  const measured = loads.map((load) => measuredLoad(load, settings));
  const free = measured.flatMap(({ destination, loadRps, capacityRps }) =>
    capacityRps === undefined ? [] : [{ destination, freeShare: freeShareOf(loadRps, capacityRps) }],
  );
  const [tightest] = free.toSorted((a, b) => a.freeShare - b.freeShare);
  return {
    ...sums,
    latencyMs: servedRps > 0 ? (waysMs + queuesMs) / servedRps : 0,
    spentMsRps: waysMs + queuesMs + pricesMs,
    loads: measured,
    overLimitRps: measured.reduce((sum, { overLimitRps }) => sum + overLimitRps, 0),
    overCapacityRps: measured.reduce((sum, { overCapacityRps }) => sum + overCapacityRps, 0),
    ...(tightest !== undefined && { tightest }),
  };
}

/** Weights are whole basis points: what exceeds a limit by less than this share of it is rounding. */
const ROUNDING = 1e-3;

function measuredLoad({ offer, loadRps }: Load, { utilisationMax }: Settings): MeasuredLoad {
  const { destination, capacityRps } = offer;
  return {
    destination,
    loadRps,
    ...(capacityRps !== undefined && { capacityRps }),
    overLimitRps: excess(loadRps, (capacityRps ?? Infinity) * utilisationMax),
    overCapacityRps: excess(loadRps, capacityRps ?? Infinity),
  };
}

function excess(loadRps: number, limitRps: number): number {
  return loadRps > limitRps * (1 + ROUNDING) ? loadRps - limitRps : 0;
}

function freeShareOf(loadRps: number, capacityRps: number): number {
  if (capacityRps > 0) return 1 - loadRps / capacityRps;
  return loadRps > 0 ? -Infinity : 0;
}

function valuationIn({ spec }: ServiceState, sources: readonly SourceOutlook[]): Valuation {
  return valuationOf(spec, () =>
    sources.flatMap(({ offers }) => offers.map(({ egressDollarsPerGb }) => egressDollarsPerGb)),
  );
}

/** Undefined where nothing serves, or nobody knows what some destination takes. */
export function freeWithoutOne(state: FleetState, service: ServiceState): FreeWithoutOne | undefined {
  // A dead cluster still serves itself, for all that is known, and nobody else.
  const sources = outlookOf(state, service).filter(({ cluster }) => state.clusters.get(cluster)?.verdict !== "dead");
  const demandRps = sources.reduce((sum, source) => sum + source.demandRps, 0);
  const serving = new Map<DestinationKey, Offer>();
  for (const { offers } of sources)
    for (const offer of offers) if (offer.loss === undefined && !offer.isDraining) serving.set(offer.key, offer);
  const places = [...serving.values()];
  if (places.some(({ capacityRps }) => capacityRps === undefined)) return undefined;
  const clusters = [...new Set(places.map(({ destination }) => destination.cluster))].toSorted(compareNames);
  const left = clusters.map((cluster) => {
    const others = places.filter(({ destination }) => destination.cluster !== cluster);
    const capacityRps = others.reduce((sum, offer) => sum + (offer.capacityRps ?? 0), 0);
    return { cluster, freeShare: freeShareOf(demandRps, capacityRps) };
  });
  return left.toSorted((a, b) => a.freeShare - b.freeShare)[0];
}

/**
 * Where requests go before anybody plans anew: as released, but what goes to a destination that does not serve takes the
 * fallbacks that meshes carry for it.
 */
export function splitsAtOnce(state: FleetState, service: ServiceState): Splits {
  const sources = outlookOf(state, service);
  return Object.fromEntries(
    sources.flatMap(({ cluster, released, offers }): [ClusterId, Split][] => {
      const routes = released?.rules.at(-1)?.routes;
      if (routes === undefined) return [];
      const lost = new Set(offers.filter(({ loss }) => loss !== undefined).map(({ key }) => key));
      const parts = routes.flatMap((route) =>
        lost.has(keyOf(route.destination)) && route.fallback.length > 0
          ? route.fallback.map((part) => ({ ...part, weight: (part.weight * route.weight) / WEIGHT_TOTAL }))
          : [{ destination: route.destination, weight: route.weight }],
      );
      return [[cluster, parts]];
    }),
  );
}
