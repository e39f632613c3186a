/** At rest: every event was published once and in order, every consumer has taken it, and none became a dead letter. */
import { finding, type Finding } from '../finding.ts';
import type { World } from '../world.ts';

export type StreamState = { name: string; state: { messages: number }; consumer_detail?: { name: string; num_pending: number; num_ack_pending: number }[] };

const OUTBOX_LOOK = 'outbox, outbox_partition and outbox_relay of the service; its log by "outbox_relay"';

export async function streamsOf(world: World): Promise<StreamState[]> {
  const { account_details } = await world.nats<{ account_details?: { stream_detail?: StreamState[] }[] }>('/jsz?streams=1&consumers=1');
  return account_details?.flatMap(({ stream_detail }) => stream_detail ?? []) ?? [];
}

/** Databases of services whose tables include this one. */
export async function databasesWith(world: World, table: string): Promise<string[]> {
  const rows = await world.rows<{ name: string }>("SELECT table_schema AS name FROM information_schema.tables WHERE table_name = ? AND table_schema LIKE 'chunyun\\_%' ORDER BY 1", [table]);
  return rows.map(({ name }) => name);
}

export async function eventsFindings(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const published = new Map<string, number>();
  for (const database of await databasesWith(world, 'outbox')) {
    const partitions = await world.rows<{ stream: string; bucket: number; last_sequence: string; published: string | null; events: number; highest: string | null }>(
      `SELECT part.stream, part.bucket, part.last_sequence, relay.published_sequence AS published, COUNT(event.sequence) AS events, MAX(event.sequence) AS highest
       FROM ${database}.outbox_partition AS part LEFT JOIN ${database}.outbox_relay AS relay ON relay.stream = part.stream AND relay.bucket = part.bucket
       LEFT JOIN ${database}.outbox AS event ON event.stream = part.stream AND event.bucket = part.bucket GROUP BY part.stream, part.bucket, part.last_sequence, relay.published_sequence`,
    );
    for (const { stream, bucket, last_sequence, published: done, events, highest } of partitions) {
      const id = `${database} ${stream}/${bucket}`;
      if (Number(last_sequence) !== Number(events) || (events > 0 && highest !== last_sequence)) findings.push(finding('events', [id], `the outbox has ${events} events up to ${highest}, its partition counts ${last_sequence}`, OUTBOX_LOOK));
      if (Number(last_sequence) > 0 && done !== last_sequence) findings.push(finding('events', [id], `published up to ${done} of ${last_sequence}`, OUTBOX_LOOK));
      published.set(stream, (published.get(stream) ?? 0) + Number(events));
    }
  }
  const streams = await streamsOf(world);
  for (const { name, state, consumer_detail } of streams) {
    if (name === 'DLQ') {
      if (state.messages > 0) findings.push(finding('events', [name], `${state.messages} dead letters`, 'OpsService.ListDeadLetters; "dead letter" in the logs'));
      continue;
    }
    if (state.messages !== (published.get(name) ?? 0)) findings.push(finding('events', [name], `the stream has ${state.messages} messages of ${published.get(name) ?? 0} events`, OUTBOX_LOOK));
    for (const consumer of consumer_detail ?? []) {
      if (consumer.num_pending + consumer.num_ack_pending > 0) findings.push(finding('events', [name, consumer.name], `a consumer has ${consumer.num_pending} events before it and ${consumer.num_ack_pending} in hand`, 'the consumer\'s log'));
    }
  }
  findings.push(...(await gaps(world, streams)));
  return findings;
}

/** A consumer that took events of a type took all of that type: each has its row in the inbox. */
async function gaps(world: World, streams: readonly StreamState[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const consumers = streams.flatMap(({ name, consumer_detail }) => (consumer_detail ?? []).map((consumer) => ({ stream: name, durable: consumer.name.replace(/-\d\d$/, '') })));
  const events = new Map<string, Map<string, string>>();
  for (const database of await databasesWith(world, 'outbox')) {
    for (const { stream, event_id, type } of await world.rows<{ stream: string; event_id: string; type: string }>(`SELECT stream, event_id, type FROM ${database}.outbox`)) {
      events.set(stream, (events.get(stream) ?? new Map<string, string>()).set(event_id, type));
    }
  }
  for (const database of await databasesWith(world, 'inbox')) {
    const taken = Map.groupBy(await world.rows<{ consumer: string; event_id: string }>(`SELECT consumer, event_id FROM ${database}.inbox`), ({ consumer }) => consumer);
    for (const [consumer, rows] of taken) {
      const stream = consumers.find(({ durable }) => durable === consumer)?.stream;
      const known = events.get(stream ?? '');
      if (known === undefined) continue;
      const ids = new Set(rows.map(({ event_id }) => event_id));
      const types = new Set(rows.map(({ event_id }) => known.get(event_id)));
      const missing = [...known].filter(([event_id, type]) => types.has(type) && !ids.has(event_id));
      if (missing.length > 0) findings.push(finding('events', missing.map(([event_id]) => event_id), `${consumer} never took ${missing.length} events (${[...new Set(missing.map(([, type]) => type))].join(', ')})`, `${database}.inbox and delivery`));
    }
  }
  return findings;
}
