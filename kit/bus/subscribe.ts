// Watching a stream without a store: each process sees all events, none is counted or retried. For caches and pages.
import { DeliverPolicy, type ConsumerMessages } from '@nats-io/jetstream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#kit/telemetry/log.ts';
import type { Bus } from './bus.ts';
import { decodeEvent, HEADER_TYPE, type BusEvent } from './envelope.ts';
import { eventBucket, streamName, type StreamName } from './streams.ts';

export interface WatchedEvent extends BusEvent {
  readonly stream: StreamName;
  readonly bucket: number;
  readonly stream_sequence: number;
}

export interface SubscribeOptions {
  readonly nats: Bus;
  readonly stream: StreamName;
  readonly log: Log;
  readonly types?: readonly string[];
  /** Where to begin: new events (default), all that are kept, or those since a time. Never again after a reconnect: what came meanwhile is delivered. */
  readonly from?: 'new' | 'all' | Date;
  /** Called one at a time, in the stream's order. A throw is logged and the event passed over. */
  readonly handle: (event: WatchedEvent) => void | Promise<void>;
}

const RETRY_MS = 500;

/** Starts watching; resolves when the subscription stands. */
export async function subscribeEvents(options: SubscribeOptions): Promise<{ stop(): Promise<void> }> {
  const aborter = new AbortController();
  let next_sequence: number | undefined;
  let open = await openMessages(options, next_sequence);
  const done = (async () => {
    while (!aborter.signal.aborted) {
      try {
        for await (const message of open) {
          next_sequence = message.seq + 1;
          const type = message.headers?.get(HEADER_TYPE) ?? '';
          if (options.types === undefined || options.types.includes(type)) await handleOne(options, message.data, message.seq);
        }
        if (aborter.signal.aborted) return;
        open = await openMessages(options, next_sequence);
      } catch (error) {
        options.log.warn({ error, stream: options.stream }, 'watching a stream was interrupted');
        await sleep(RETRY_MS, undefined, { signal: aborter.signal }).catch(() => {});
      }
    }
  })();
  return {
    async stop() {
      aborter.abort();
      open.stop();
      await done;
    },
  };
}

async function handleOne({ handle, log, stream }: SubscribeOptions, data: Uint8Array, stream_sequence: number): Promise<void> {
  try {
    const event = decodeEvent(data);
    await handle({ ...event, stream, bucket: eventBucket(event.key), stream_sequence });
  } catch (error) {
    log.warn({ error, stream, stream_sequence }, 'a watched event could not be handled');
  }
}

async function openMessages({ nats, stream, from = 'new' }: SubscribeOptions, next_sequence: number | undefined): Promise<ConsumerMessages> {
  const start =
    next_sequence !== undefined
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: next_sequence }
      : from instanceof Date
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() }
        : { deliver_policy: from === 'all' ? DeliverPolicy.All : DeliverPolicy.New };
  const filter_subjects = `${nats.prefix}${stream.toLowerCase()}.v1.>`;
  const consumer = await nats.js.consumers.get(streamName(nats, stream), { filter_subjects, ...start });
  return consumer.consume();
}
