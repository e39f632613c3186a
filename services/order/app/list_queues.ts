/** ListQueues: length, pace and owner of the waiting queues, longest first. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { PaceFacts, Paces } from './paces.ts';
import type { Ports } from './ports.ts';
import type { Page } from './read_orders.ts';

export type QueueFacts = { run_id: string; length: number; in_flight: number; owner: string; term: bigint; pace: PaceFacts };

const USUAL = 20;
const MOST = 100;
const OFFSET_MAX = 10_000;

export async function listQueues(ports: Pick<Ports, 'entries'> & { paces: Paces }, page: Page): Promise<Result<{ queues: QueueFacts[]; next: string }>> {
  const offset = page.token === '' ? 0 : Number(page.token);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > OFFSET_MAX) return fail('PAGE_TOKEN_INVALID');
  const limit = page.size === 0 ? USUAL : Math.min(page.size, MOST);
  const rows = await ports.entries.queues(limit + 1, offset);
  const queues = await Promise.all(rows.slice(0, limit).map(async ({ run_id, length, in_flight, owner, term }) => ({ run_id, length, in_flight, owner, term, pace: await ports.paces.pace(run_id) })));
  return ok({ queues, next: rows.length > limit ? String(offset + limit) : '' });
}
