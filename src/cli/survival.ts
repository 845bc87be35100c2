import type { ClusterLossStatus, GetStatusResponse, SurvivalStatus } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { rate } from "./notation.ts";
import { harmless } from "./terminal.ts";
import type { Paint } from "./terminal.ts";

type Told = Pick<GetStatusResponse, "survivals" | "survivalSummary">;

/** One line for each service that lacks room now or after a loss; one line for all that do not. */
export function survivalLines({ survivals, survivalSummary }: Told, paint: Paint): readonly string[] {
  if (survivalSummary === undefined || survivalSummary.services === 0) return [];
  const { services, survivingServices, servicesWithUnknownCapacity } = survivalSummary;
  const lines = survivals.flatMap((survival) => serviceLine(survival, paint));
  if (survivingServices === 0) return lines;
  const who = survivingServices === services ? allOf(services) : `${survivingServices} of ${services} services`;
  const verb = survivingServices === 1 ? "survives" : "survive";
  const summary = `${who} ${verb} the loss of any one cluster`;
  const doubt =
    servicesWithUnknownCapacity === 0
      ? ""
      : `; for ${servicesWithUnknownCapacity} of ${services} a capacity is unknown and counts as endless`;
  return [...lines, paint(survivingServices === services ? "good" : "dim", summary) + paint("warn", doubt)];
}

function allOf(services: number): string {
  return services === 1 ? "the service" : `all ${services} services`;
}

function serviceLine({ service, shortRps, losses }: SurvivalStatus, paint: Paint): readonly string[] {
  const short = losses.filter((loss) => loss.shortRps > 0).toSorted(byNeed);
  if (shortRps === 0 && short.length === 0) return [];
  const now = shortRps > 0 ? [`${rate(shortRps)}/s find no room as things are`] : [];
  const parts = [...now, ...short.map(lossWords)];
  const isBad = shortRps > 0 || short.some(({ isRequired }) => isRequired);
  return [paint(isBad ? "bad" : "warn", `${harmless(service)}: ${parts.join("; ")}`)];
}

/** What the policy names first, then the largest. */
function byNeed(a: ClusterLossStatus, b: ClusterLossStatus): number {
  return Number(b.isRequired) - Number(a.isRequired) || b.shortRps - a.shortRps;
}

function lossWords({ cluster, shortRps, isRequired }: ClusterLossStatus): string {
  const required = isRequired ? " (its policy asks to survive that)" : "";
  return `without ${harmless(cluster)}${required}: ${rate(shortRps)}/s find no room`;
}
