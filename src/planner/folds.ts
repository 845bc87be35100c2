import type { FleetEvent } from "../model/event.ts";
import type { Draft } from "./draft.ts";

/** An event of one kind. */
export type EventOf<K extends FleetEvent["kind"]> = Extract<FleetEvent, { kind: K }>;

/** How each of some kinds of event changes the state. */
export type Folds<K extends FleetEvent["kind"]> = { readonly [P in K]: (draft: Draft, event: EventOf<P>) => void };
