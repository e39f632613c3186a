/** Fills a new search index from the database while the old one serves and follows events. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { OrderIndex, SearchPorts } from './ports.ts';

const BATCH = 500;
/** Clocks of processes differ by less. */
const MARGIN_MS = 60_000;

/** `fill`: every order. `catch_up`: after the new index took over, those that changed while it was filled. */
type Progress = { phase: 'fill' | 'catch_up'; index: string; start_ms: number; after: string };

/** One page. Repeating one does no harm: the index keeps the newest version of an order. */
export async function rebuildIndex({ scan, index, clock }: Pick<SearchPorts, 'scan' | 'index' | 'clock'>, token: string): Promise<Result<{ indexed: number; next: string }>> {
  if (index === undefined) return fail('NOT_IMPLEMENTED', { detail: 'no search index is configured' });
  const progress = token === '' ? await begin(index, clock.now_ms()) : progressOf(token);
  if (progress === undefined) return fail('PAGE_TOKEN_INVALID');
  const { phase, start_ms, after } = progress;
  const changed_since_ms = phase === 'fill' ? undefined : start_ms - MARGIN_MS;
  const page = await scan({ after, changed_since_ms, limit: BATCH });
  await index.fill(progress.index, page);
  if (page.length === BATCH) return ok({ indexed: page.length, next: tokenOf({ ...progress, after: page.at(-1)!.order_id }) });
  if (phase === 'catch_up') return ok({ indexed: page.length, next: '' });
  await index.adopt(progress.index);
  return ok({ indexed: page.length, next: tokenOf({ ...progress, phase: 'catch_up', after: '0' }) });
}

async function begin(index: OrderIndex, now_ms: number): Promise<Progress> {
  return { phase: 'fill', index: await index.create(now_ms), start_ms: now_ms, after: '0' };
}

function tokenOf({ phase, index, start_ms, after }: Progress): string {
  return [phase, index, start_ms, after].join('/');
}

function progressOf(token: string): Progress | undefined {
  const match = /^(fill|catch_up)\/([a-z0-9_-]{1,80})\/(\d{1,15})\/(\d{1,19})$/.exec(token);
  return match === null ? undefined : { phase: match[1] as Progress['phase'], index: match[2]!, start_ms: Number(match[3]), after: match[4]! };
}
