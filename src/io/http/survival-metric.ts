import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { Survivals } from "../../model/survival.ts";

/**
 * Adds the gauge of what a cluster's loss would leave without room. It is found when somebody collects, so that it costs
 * nothing otherwise; whoever comes meanwhile gets the same answer.
 *
 * @param find - what survives of every service; must not reject.
 */
export function addSurvivalMetric(registry: Registry, find: () => Promise<Survivals>): void {
  let finding: Promise<Survivals> | undefined;
  const gauge = new Gauge({
    name: "weir_loss_short_rps",
    help: "Requests per second of a service that would find no room if the cluster were lost; no series: none.",
    labelNames: ["service", "cluster"],
    registers: [registry],
    collect: async () => {
      finding ??= find().finally(() => (finding = undefined));
      const survivals = await finding;
      gauge.reset();
      for (const [service, { losses }] of survivals)
        for (const { cluster, shortRps } of losses) if (shortRps > 0) gauge.set({ service, cluster }, shortRps);
    },
  });
}
