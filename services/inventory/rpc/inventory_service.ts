import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import type { HoldInOrder, HoldSeats } from '../app/hold_seats.ts';
import type { Opening } from '../app/open_runs.ts';
import type { TimetableSource } from '../app/ports.ts';
import type { ReconcileParts } from '../app/reconcile.ts';
import type { RemainingFeed } from '../app/remaining_feed.ts';
import { holdMethods } from './hold_methods.ts';
import { operatorMethods } from './operator_methods.ts';
import { remainingMethods } from './remaining_methods.ts';
import { standbyMethods } from './standby_methods.ts';

export type InventoryParts = ReconcileParts & { hold: HoldSeats; hold_in_order: HoldInOrder; feed: RemainingFeed; timetable: TimetableSource } & Opening;

export function inventoryService(parts: InventoryParts): Implementation {
  return implement(InventoryService, { ...holdMethods(parts), ...remainingMethods(parts), ...operatorMethods(parts), ...standbyMethods(parts) });
}
