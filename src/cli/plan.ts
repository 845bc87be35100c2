import type { Command } from "commander";
import {
  DiffPlanResponseSchema,
  ExplainPlanResponseSchema,
  GetPlanResponseSchema,
} from "../../proto/gen/weir/v1/plan_pb.ts";
import type { PlanDifference, Route, RouteSet, Rule, ServicePlanView } from "../../proto/gen/weir/v1/plan_pb.ts";
import { API } from "./api.ts";
import { percent } from "./notation.ts";
import { addCompute } from "./plan/compute.ts";
import { addExport } from "./plan/export.ts";
import { addSchema } from "./plan/schema.ts";
import type { Session } from "./session.ts";
import { reasonTable } from "./shift/preview.ts";
import { table } from "./table.ts";
import { harmless } from "./terminal.ts";
import type { Paint } from "./terminal.ts";
import { splitWords } from "./view.ts";

/** `weir plan show|diff|explain|compute|schema|export` */
export function addPlanCommands(program: Command, session: Session): void {
  const plan = program.command("plan").description("look at what clusters are told, and why; plan a fleet in a file");
  addShow(plan, session);
  addDiff(plan, session);
  addExplain(plan, session);
  addCompute(plan, session);
  addSchema(plan, session);
  addExport(plan, session);
}

function addShow(parent: Command, session: Session): void {
  parent
    .command("show")
    .description("show what each cluster is told, with where requests go when a destination is lost")
    .argument("[service]", "namespace/name; all services without it", "")
    .action(async (service: string, _options: unknown, command: Command) => {
      const message = await session.call(command, API.plans.getPlan, { service });
      const lines = (): readonly string[] => plansOf(message.plans, session.terminal.paint);
      session.print(command, { schema: GetPlanResponseSchema, message, lines });
    });
}

function plansOf(plans: readonly ServicePlanView[], paint: Paint): readonly string[] {
  if (plans.length === 0) return ["no plans yet; declare a service with: weir service apply -f FILE"];
  return plans.flatMap((plan, index) => [...(index === 0 ? [] : [""]), headOf(plan, paint), ...planTable(plan)]);
}

function headOf(plan: ServicePlanView, paint: Paint): string {
  const wave = plan.isSettled || plan.waves === 0 ? "settled" : `${plan.urgency}, wave ${plan.wave} of ${plan.waves}`;
  const waits = plan.waitsFor === "" ? "" : paint("warn", `, waits for: ${harmless(plan.waitsFor)}`);
  return `${paint("bold", harmless(plan.service))} (${wave}${waits})`;
}

function planTable({ released }: ServicePlanView): readonly string[] {
  if (released.length === 0) return ["  no cluster was told anything yet"];
  const columns = [
    { title: "SOURCE" },
    { title: "FOR" },
    { title: "DESTINATION" },
    { title: "WEIGHT", align: "right" },
    { title: "IF LOST" },
  ] as const;
  return table(columns, released.flatMap(routeRows)).map((line) => `  ${line}`);
}

function routeRows({ cluster, rules }: RouteSet): readonly (readonly string[])[] {
  if (rules.length === 0) return [[harmless(cluster), "", "serves others only", "", ""]];
  return rules.flatMap((rule, ruleIndex) =>
    rule.routes.map((route, index) => {
      const isFirst = index === 0;
      return [
        isFirst && ruleIndex === 0 ? harmless(cluster) : "",
        isFirst ? matchWords(rule) : "",
        ...routeCells(route),
      ];
    }),
  );
}

function matchWords({ match }: Rule): string {
  const headers = Object.entries(match?.headers ?? {});
  return headers.map(([name, value]) => harmless(`${name}: ${value}`)).join(", ");
}

function routeCells({ destination, weight, fallback }: Route): readonly string[] {
  const place = harmless(`${destination?.cluster ?? ""}/${destination?.version ?? ""}`);
  return [place, percent(weight), fallback.length === 0 ? "fails" : splitWords(fallback)];
}

function addDiff(parent: Command, session: Session): void {
  parent
    .command("diff")
    .description("show where what is planned, what was told and what is applied differ")
    .argument("[service]", "namespace/name; all services without it", "")
    .action(async (service: string, _options: unknown, command: Command) => {
      const message = await session.call(command, API.plans.diffPlan, { service });
      const lines = (): readonly string[] => differenceTable(message.differences);
      session.print(command, { schema: DiffPlanResponseSchema, message, lines });
    });
}

function differenceTable(differences: readonly PlanDifference[]): readonly string[] {
  if (differences.length === 0) return ["no differences: every cluster applied what it was told"];
  const titles = ["SERVICE", "CLUSTER", "TARGET", "TOLD", "APPLIED", "DIFFERENCE"];
  const rows = differences.map((difference) => [
    harmless(difference.service),
    harmless(difference.cluster),
    shortHash(difference.targetHash),
    shortHash(difference.releasedHash),
    shortHash(difference.appliedHash),
    harmless(difference.detail),
  ]);
  return table(
    titles.map((title) => ({ title })),
    rows,
  );
}

function shortHash(hash: string): string {
  return hash === "" ? "-" : hash.slice(0, 8);
}

function addExplain(parent: Command, session: Session): void {
  parent
    .command("explain")
    .description("show why each destination has the weight it has")
    .argument("<service>", "namespace/name")
    .option("--source <cluster>", "only for callers in this cluster", "")
    .action(async (service: string, { source }: { readonly source: string }, command: Command) => {
      const message = await session.call(command, API.plans.explainPlan, { service, cluster: source });
      const lines = (): readonly string[] =>
        message.reasons.length === 0 ? [`no plan was made for ${service} yet`] : reasonTable(message.reasons);
      session.print(command, { schema: ExplainPlanResponseSchema, message, lines });
    });
}
