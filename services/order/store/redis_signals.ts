/** Signals between the processes of the service, by Redis publish/subscribe: hints that may be lost. */
import type { Redis } from 'ioredis';
import { mastersOf, type RedisClient } from '#kit/store/redis.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { localSignals, type Signals } from '../app/signals.ts';

const CHANNEL = 'order:signals';

export type SharedSignals = Signals & { stop(): Promise<void> };

/** `process_id` tells one's own signals from those of others. */
export async function createSharedSignals(client: RedisClient, process_id: string, log: Log): Promise<SharedSignals> {
  const [master] = mastersOf(client);
  if (master === undefined) throw new Error('no Redis to signal through');
  // A connection that listens can do nothing else.
  const listener: Redis = master.duplicate({ enableOfflineQueue: true });
  listener.on('error', (error: unknown) => log.warn({ error }, 'signals are interrupted'));
  const signals = localSignals((key) => {
    client.publish(CHANNEL, `${process_id} ${key}`).catch((error: unknown) => log.debug({ error }, 'a signal was lost'));
  });
  listener.on('message', (_channel: string, text: string) => {
    const [sender, key] = text.split(' ', 2);
    if (sender !== process_id && key !== undefined) signals.hear(key);
  });
  await listener.subscribe(CHANNEL);
  return { ...signals, stop: async () => listener.disconnect() };
}
