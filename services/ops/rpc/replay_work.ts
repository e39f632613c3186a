import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '#kit/bus/bus.ts';
import { countDeadLetters, replayDeadLetters as replay } from '#kit/bus/dlq.ts';
import { isStreamName } from '#kit/bus/streams.ts';
import type { JobWork } from '../app/ports.ts';

const LIMIT = { fallback: 1000, max: 10_000 };
/** Letters a second: consumers have other work, and what made them fail once may still be slow. */
const PACE = { fallback: 50, max: 1000 };
const PROGRESS_EVERY = 20;

/**
 * Arguments: `consumer` and `stream` to choose (all without), `limit` (1000 without, at most 10,000), `per_s` (50 without,
 * at most 1000). Letters that die again come back as new ones and are not taken up in the same run.
 */
export function replayDeadLetters(bus: Bus): JobWork {
  return async (args, progress, signal) => {
    const limit = bounded(args.limit, LIMIT, 'limit');
    const per_s = bounded(args.per_s, PACE, 'per_s');
    const { consumer, stream } = args;
    if (consumer !== undefined && (typeof consumer !== 'string' || !/^[\w-]{1,40}$/.test(consumer))) throw new Error('consumer is no name of one');
    if (stream !== undefined && (typeof stream !== 'string' || !isStreamName(stream))) throw new Error('stream must be ORDER, STOCK, PAYMENT or NOTIFY');
    const counts = await countDeadLetters(bus);
    const total = Math.min(limit, consumer === undefined ? Object.values(counts).reduce((sum, count) => sum + count, 0) : (counts[consumer] ?? 0));
    const filter = { ...(consumer === undefined ? {} : { consumer }), ...(stream === undefined ? {} : { stream }) };
    const begin_ms = performance.now();
    const replayed = await replay(bus, filter, limit, async (done) => {
      if (done % PROGRESS_EVERY === 0) await progress(Math.min(99, (done / Math.max(1, total)) * 100), { replayed: done, of: total });
      await sleep(Math.max(0, begin_ms + (done / per_s) * 1000 - performance.now()), undefined, { signal });
    });
    return { replayed, ...filter, left: await countDeadLetters(bus) };
  };
}

function bounded(asked: unknown, { fallback, max }: { fallback: number; max: number }, name: string): number {
  if (asked === undefined) return fallback;
  if (!Number.isInteger(asked) || Number(asked) < 1 || Number(asked) > max) throw new Error(`${name} must be 1 to ${max}`);
  return Number(asked);
}
