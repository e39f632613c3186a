// States of remaining between the processes of this service, on NATS without a store: each carries the whole state of a
// run, and numbers say what was lost on the way.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { headers, type Msg } from '@nats-io/transport-node';
import { RunRemainingSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Bus } from '#kit/bus/bus.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { BEAT_MS, RelayGaps } from '../app/relay_gaps.ts';
import type { RunRemaining } from '../app/remaining.ts';
import type { RemainingRelay } from '../app/remaining_feed.ts';
import { remainingFromMessage, remainingMessage } from '../wire/remaining_message.ts';

const SENDER = 'Chunyun-Sender';
const DATE = 'Chunyun-Service-Date';
const NUMBER = 'Chunyun-Number';
const ENDED = 'Chunyun-Ended';

/** What a process does with what others tell. `lost` names buckets of which something may not have arrived. */
export type RelayListener = { received(state: RunRemaining): void; lost(buckets: readonly number[]): void };

export type RelayOptions = { bus: Bus; sender: string; log: Log; clock: Clock };

export type Relay = RemainingRelay & {
  listen(listener: RelayListener): { stop(): void };
  /** Says that nothing more will come, so that nobody looks for it. */
  end(): void;
};

export function remainingRelay({ bus, sender, log, clock }: RelayOptions): Relay {
  const counts = new Map<number, number>();
  const send = (subject: string, more: Record<string, string>, data?: Uint8Array): void => {
    const head = headers();
    for (const [name, value] of Object.entries({ [SENDER]: sender, ...more })) head.set(name, value);
    try {
      bus.connection.publish(`${bus.prefix}stock.${subject}`, data, { headers: head });
    } catch (error) {
      log.warn({ error, subject }, 'other processes were not told');
    }
  };
  const beat = (more: Record<string, string> = {}): void => send('remaining_beat', more, TEXT.encode(JSON.stringify([...counts])));
  return {
    publish(state) {
      // Counted also when it does not get out: the next beat says that there was one.
      const number = (counts.get(state.bucket) ?? 0) + 1;
      counts.set(state.bucket, number);
      send(`remaining.${state.bucket}`, { [DATE]: state.service_date, [NUMBER]: String(number) }, toBinary(RunRemainingSchema, create(RunRemainingSchema, remainingMessage(state))));
    },
    listen(listener) {
      const gaps = new RelayGaps();
      const own = (message: Msg): boolean => message.headers?.get(SENDER) === sender;
      const states = bus.connection.subscribe(`${bus.prefix}stock.remaining.*`, {
        callback: (error, message) => {
          if (error !== null || own(message)) return;
          const state = remainingFromMessage(fromBinary(RunRemainingSchema, message.data), message.headers?.get(DATE) ?? '');
          listener.received(state);
          // A process of an older version does not count.
          const number = Number(message.headers?.get(NUMBER) ?? '');
          if (number > 0) listener.lost(gaps.told(message.headers!.get(SENDER), state.bucket, number, clock.monotonic_ms()));
        },
      });
      const beats = bus.connection.subscribe(`${bus.prefix}stock.remaining_beat`, {
        callback: (error, message) => {
          if (error !== null || own(message)) return;
          const from = message.headers!.get(SENDER);
          listener.lost(gaps.beat(from, new Map(JSON.parse(message.string()) as [number, number][]), clock.monotonic_ms()));
          if (message.headers!.get(ENDED) !== '') gaps.ended(from);
        },
      });
      beat();
      const timer = setInterval(() => {
        beat();
        listener.lost(gaps.silent(clock.monotonic_ms()));
      }, BEAT_MS);
      const stop = (): void => {
        clearInterval(timer);
        for (const subscription of [states, beats]) subscription.unsubscribe();
      };
      return { stop };
    },
    end: () => beat({ [ENDED]: '1' }),
  };
}

const TEXT = new TextEncoder();
