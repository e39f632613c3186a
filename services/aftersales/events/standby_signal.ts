/** Seats of a run are kept for those who wait: inventory says so on plain NATS, to one of our processes. Lost, they are on sale soon. */
import type { Bus } from '#kit/bus/bus.ts';

const QUEUE = 'aftersales-standby';

export function onKeptSeats(bus: Bus, kept: (run_id: string, seats: number) => void): () => void {
  const subscription = bus.connection.subscribe(`${bus.prefix}stock.standby`, {
    queue: QUEUE,
    callback: (error, message) => {
      if (error !== null) return;
      const [run_id = '', seats = ''] = message.string().split(' ');
      if (run_id !== '') kept(run_id, Number(seats) || 0);
    },
  });
  return () => subscription.unsubscribe();
}
