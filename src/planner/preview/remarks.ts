import type { FleetState } from "../../model/fleet.ts";
import type { Hypothetical } from "../../model/hypothetical.ts";
import type { Settings } from "../../model/settings.ts";
import type { FleetPreview } from "../../model/preview.ts";
import { freezesOnLoss } from "../freeze.ts";

/** What a preview was made of. */
export interface Previewed {
  readonly before: FleetState;
  readonly hypothetical: Hypothetical;
  readonly preview: FleetPreview;
  /** Services of which something is being released now. */
  readonly rollingServices: number;
}

/** What a person should know of a preview beside its numbers. */
export function remarksOf({ before, hypothetical, preview, rollingServices }: Previewed, settings: Settings) {
  const { lost } = hypothetical;
  const { incompleteServices } = preview;
  return [
    ...(before.freeze === undefined
      ? []
      : ["the fleet is frozen: until it thaws, only what operators do moves anything"]),
    ...(lost.length > 0 && freezesOnLoss(before, lost, settings)
      ? [
          `the loss of ${lost.length} at once would freeze all moves that nobody asked for: until it thaws, meshes fall back by themselves ("at once"), and the steps follow after`,
        ]
      : []),
    ...(rollingServices > 0 ? [`${services(rollingServices)} in the middle of a release: taken as done`] : []),
    ...(incompleteServices > 0 ? [`${services(incompleteServices)} held up before the end of the steps: see why`] : []),
  ];
}

function services(count: number): string {
  return count === 1 ? "1 service is" : `${count} services are`;
}
