// Streams and subjects.
//
//   order.v1.07               an event of stream ORDER in bucket 07, published by the stream's owner
//   order.v1.07.aftersales    one of the same stream by another service
//   order.replay.<consumer>.07  a dead letter that is delivered again, to that consumer only
//   dlq.v1.order.<consumer>   a dead letter
//
// A subject has one publishing database: its relay says what it expects to be the subject's last sequence, so two
// publishers of one subject would refuse one another. Hence the owner's name, left out for the owner of the stream.
import { setTimeout as sleep } from 'node:timers/promises';
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { bucketOf } from '#kit/base/hash.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Bus } from './bus.ts';

export const STREAMS = ['ORDER', 'STOCK', 'PAYMENT', 'NOTIFY'] as const;
export type StreamName = (typeof STREAMS)[number];

/** Which service's events a stream was made for. */
export const STREAM_OWNER: Readonly<Record<StreamName, string>> = { ORDER: 'order', STOCK: 'inventory', PAYMENT: 'payment', NOTIFY: 'notification' };

/** A constant: changing it would move keys between buckets, and the order of a key's events holds within one only. */
export const EVENT_BUCKETS = 16;
export const DEAD_LETTERS = 'DLQ';

const DAY_NS = 24 * 3_600 * 1e9;
/** Events can be read again for 7 days (requirements: 7 天回溯). */
const EVENT_AGE_NS = 7 * DAY_NS;
const DEAD_LETTER_AGE_NS = 30 * DAY_NS;
const DUPLICATE_WINDOW_NS = 120 * 1e9;
export const MAX_EVENT_BYTES = 1 << 20;

export interface StreamOptions {
  /** 3 in production. */
  readonly replicas?: number;
}

/** After a reconnection JetStream may not have found its leader yet. */
const RESTORE_TRIES = 60;
const RESTORE_PAUSE_MS = 1_000;

/**
 * `ensureStreams` now, and after each reconnection again: a server that lost its disk has lost the streams with it. What had been
 * published and not taken yet is still in the outboxes (docs/runbooks/losing-nats.md). Throws when it fails now.
 */
export async function keepStreams(bus: Bus, { log, ...options }: StreamOptions & { readonly log: Log }): Promise<void> {
  await ensureStreams(bus, options);
  bus.onReconnect(() => void restore(bus, options, log));
}

async function restore(bus: Bus, options: StreamOptions, log: Log): Promise<void> {
  for (let tries = 1; !bus.connection.isClosed(); tries += 1) {
    try {
      return await ensureStreams(bus, options);
    } catch (error) {
      if (tries === RESTORE_TRIES) return log.error({ error }, 'the streams could not be made again');
    }
    await sleep(RESTORE_PAUSE_MS * (0.5 + Math.random()), undefined, { ref: false });
  }
}

/** Creates the streams that are missing and brings the others to this configuration. May be run by all services at once. */
export async function ensureStreams(bus: Bus, { replicas = 1 }: StreamOptions = {}): Promise<void> {
  for (const stream of STREAMS) {
    const subjects = [`${base(bus, stream)}.v1.>`, `${base(bus, stream)}.replay.>`];
    await ensureStream(bus, { name: streamName(bus, stream), subjects, max_age: EVENT_AGE_NS, num_replicas: replicas });
  }
  await ensureStream(bus, { name: deadLetterStream(bus), subjects: [`${bus.prefix}dlq.v1.>`], max_age: DEAD_LETTER_AGE_NS, num_replicas: replicas });
}

/** The bucket of a key, the same on every machine for ever. */
export function eventBucket(key: string): number {
  return bucketOf(key, EVENT_BUCKETS);
}

export function streamName(bus: Pick<Bus, 'prefix'>, stream: StreamName): string {
  return `${bus.prefix.toUpperCase()}${stream}`;
}

export function deadLetterStream(bus: Pick<Bus, 'prefix'>): string {
  return `${bus.prefix.toUpperCase()}${DEAD_LETTERS}`;
}

/** Where `service` publishes events of a bucket. */
export function eventSubject(bus: Pick<Bus, 'prefix'>, stream: StreamName, bucket: number, service: string): string {
  const subject = `${base(bus, stream)}.v1.${bucketName(bucket)}`;
  return STREAM_OWNER[stream] === service ? subject : `${subject}.${service}`;
}

/** What a consumer listens to: all events of the stream, or of one bucket, and last what is replayed to it. */
export function consumerSubjects(bus: Pick<Bus, 'prefix'>, stream: StreamName, consumer: string, bucket?: number): string[] {
  const events = `${base(bus, stream)}.v1`;
  const replays = `${base(bus, stream)}.replay.${consumer}`;
  if (bucket === undefined) return [`${events}.>`, `${replays}.>`];
  const name = bucketName(bucket);
  return [`${events}.${name}`, `${events}.${name}.>`, `${replays}.${name}`];
}

export function replaySubject(bus: Pick<Bus, 'prefix'>, stream: StreamName, consumer: string, bucket: number): string {
  return `${base(bus, stream)}.replay.${consumer}.${bucketName(bucket)}`;
}

export function deadLetterSubject(bus: Pick<Bus, 'prefix'>, stream: StreamName, consumer: string): string {
  return `${bus.prefix}dlq.v1.${stream.toLowerCase()}.${consumer}`;
}

export function bucketName(bucket: number): string {
  return String(bucket).padStart(2, '0');
}

export function isStreamName(text: string): text is StreamName {
  return (STREAMS as readonly string[]).includes(text);
}

function base(bus: Pick<Bus, 'prefix'>, stream: StreamName): string {
  return `${bus.prefix}${stream.toLowerCase()}`;
}

async function ensureStream(bus: Bus, wanted: Pick<StreamConfig, 'name' | 'subjects' | 'max_age' | 'num_replicas'>): Promise<void> {
  const config = {
    ...wanted,
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    duplicate_window: DUPLICATE_WINDOW_NS,
    max_msg_size: MAX_EVENT_BYTES,
    allow_direct: true,
  };
  try {
    await bus.jsm.streams.add(config);
  } catch (error) {
    // It exists with another configuration: the program's is the one that counts.
    if (!/already in use/.test(String(error))) throw error;
    const { name, storage: _storage, retention: _retention, ...update } = config;
    await bus.jsm.streams.update(name, update);
  }
}
