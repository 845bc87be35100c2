import type { FleetDocument } from "../../src/model/fleet-document.ts";
import { aFleet, aService } from "./build.ts";
import { seededRandom } from "./seeded-random.ts";

/** Steps of five minutes in a day. */
export const STEPS_PER_DAY = 288;

const WORK_MS = 20;

/** Own capacity against own peak: nobody can serve a peak alone. */
const CAPACITY_SHARE_OF_PEAK = 0.92;

const NIGHT_SHARE_OF_PEAK = 0.3;
const DAY_SHARPNESS = 1.4;

/** First-order autoregressive noise: what is kept from one step to the next, and the deviation that is added. */
const NOISE = { kept: 0.9, added: 0.025 };

const REGIONS = [
  { name: "use1", peakRps: 4_000, peakHourUtc: 0, rttMs: [0, 62, 75, 92, 168, 205] },
  { name: "usw2", peakRps: 2_600, peakHourUtc: 3, rttMs: [0, 0, 135, 150, 175, 110] },
  { name: "euw1", peakRps: 3_000, peakHourUtc: 19, rttMs: [0, 0, 0, 20, 120, 225] },
  { name: "euc1", peakRps: 2_400, peakHourUtc: 18, rttMs: [0, 0, 0, 0, 112, 235] },
  { name: "aps1", peakRps: 3_400, peakHourUtc: 14, rttMs: [0, 0, 0, 0, 0, 95] },
  { name: "apne1", peakRps: 2_800, peakHourUtc: 11, rttMs: [0, 0, 0, 0, 0, 0] },
] as const;

/** One day of six regions whose peaks follow the sun (after Taiji, SOSP 2019): a service for each five minutes. */
export function diurnal(seed: number): FleetDocument {
  const random = seededRandom(seed);
  const noise = REGIONS.map(() => 0);
  const services = Array.from({ length: STEPS_PER_DAY }, (_, step) => {
    for (const at of noise.keys()) noise[at] = NOISE.kept * (noise[at] ?? 0) + NOISE.added * random.normal();
    const hour = (24 * step) / STEPS_PER_DAY;
    const demand = REGIONS.map((region, at): [string, number] => [
      region.name,
      demandRps(region, hour) * (1 + (noise[at] ?? 0)),
    ]);
    return aService({
      name: `diurnal/step-${String(step).padStart(3, "0")}`,
      demandRps: Object.fromEntries(demand),
      destinations: REGIONS.map(({ name, peakRps }) => ({ cluster: name, curve: poolFor(peakRps) })),
    });
  });
  return aFleet({
    description: "A day of six regions whose peaks follow the sun, in steps of five minutes.",
    clusters: REGIONS.map(({ name }) => name),
    rttMs: REGIONS.map(({ rttMs }) => rttMs),
    services,
  });
}

function demandRps({ peakRps, peakHourUtc }: { peakRps: number; peakHourUtc: number }, hour: number): number {
  const height = (1 + Math.cos((2 * Math.PI * (hour - peakHourUtc)) / 24)) / 2;
  return peakRps * (NIGHT_SHARE_OF_PEAK + (1 - NIGHT_SHARE_OF_PEAK) * height ** DAY_SHARPNESS);
}

function poolFor(peakRps: number): { kind: "queue"; servers: number; meanWorkMs: number; squaredVariation: number } {
  const servers = Math.round((CAPACITY_SHARE_OF_PEAK * peakRps * WORK_MS) / 1_000);
  return { kind: "queue", servers, meanWorkMs: WORK_MS, squaredVariation: 1 };
}
