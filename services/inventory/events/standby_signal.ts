// Tells aftersales at once that seats of a run are kept for those who wait. On plain NATS: a signal that is lost costs them
// these seats, which are on sale again after their time, and nothing else.
import type { Bus } from '#kit/bus/bus.ts';
import type { Log } from '#kit/telemetry/log.ts';

export function standbySignal(bus: Bus, log: Log): (run_id: string, seats: number) => void {
  return (run_id, seats) => {
    try {
      bus.connection.publish(`${bus.prefix}stock.standby`, `${run_id} ${seats}`);
    } catch (error) {
      log.warn({ error, run_id }, 'kept seats were not told of');
    }
  };
}
