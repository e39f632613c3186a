/** Signals between the processes of the service, by Redis publish/subscribe: hints that may be lost. */
import type { Redis } from 'ioredis';
import { mastersOf, type RedisClient } from '#kit/store/redis.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { localSignals, type Signals } from '../app/signals.ts';

const CHANNEL = 'order:signals';
/** What changes within this time is told to the others at once; a key that changes twice is told once. */
const GATHER_MS = 10;

export type SharedSignals = Signals & { stop(): Promise<void> };

/** `process_id` tells one's own signals from those of others. */
export async function createSharedSignals(client: RedisClient, process_id: string, log: Log): Promise<SharedSignals> {
  const [master] = mastersOf(client);
  if (master === undefined) throw new Error('no Redis to signal through');
  // A connection that listens can do nothing else.
  const listener: Redis = master.duplicate({ enableOfflineQueue: true });
  listener.on('error', (error: unknown) => log.warn({ error }, 'signals are interrupted'));
  const told = new Set<string>();
  function tellAll(): void {
    const text = [process_id, ...told].join(' ');
    told.clear();
    client.publish(CHANNEL, text).catch((error: unknown) => log.debug({ error }, 'signals were lost'));
  }
  const signals = localSignals((key) => {
    told.add(key);
    if (told.size === 1) setTimeout(tellAll, GATHER_MS).unref();
  });
  listener.on('message', (_channel: string, text: string) => {
    const [sender, ...keys] = text.split(' ');
    if (sender !== process_id) for (const key of keys) signals.hear(key);
  });
  await listener.subscribe(CHANNEL);
  return { ...signals, stop: async () => listener.disconnect() };
}
