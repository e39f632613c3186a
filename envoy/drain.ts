/** `node envoy/drain.ts`, as a pod's preStop: the edge leaves without anybody noticing. `ADMIN_PORT` as in cluster.ts. */
import { setTimeout as sleep } from 'node:timers/promises';

export type DrainOptions = {
  admin_url: string;
  /** How long those who choose an edge may take to learn that this one is leaving; until then it serves also who is new. */
  away_ms?: number;
  /** After that, how long it may take until nobody is being answered any more. Streams without end last until the process ends. */
  finish_ms?: number;
};

export const AWAY_MS = 5_000;
export const FINISH_MS = 20_000;
const POLL_MS = 200;
const ADMIN_TIMEOUT_MS = 2_000;

/**
 * Readiness fails, so that no new client is sent here, and each connection is told with its next answer to come back elsewhere
 * (GOAWAY, or `connection: close`). Then the ports close, and what is under way is answered. Returns how many requests are still open: 0, or who watches something. Throws when the edge does not answer.
 */
export async function drainEdge({ admin_url, away_ms = AWAY_MS, finish_ms = FINISH_MS }: DrainOptions): Promise<number> {
  await admin(admin_url, 'POST', '/healthcheck/fail');
  await sleep(away_ms);
  await admin(admin_url, 'POST', '/drain_listeners');
  const end_ms = performance.now() + finish_ms;
  for (;;) {
    const open = await requestsOpen(admin_url);
    if (open === 0 || performance.now() > end_ms) return open;
    await sleep(POLL_MS);
  }
}

async function requestsOpen(admin_url: string): Promise<number> {
  const text = await admin(admin_url, 'GET', '/stats?filter=^http.public.downstream_rq_active$');
  return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
}

async function admin(admin_url: string, method: string, path: string): Promise<string> {
  const answer = await fetch(`${admin_url}${path}`, { method, signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}

if (import.meta.main) {
  const open = await drainEdge({ admin_url: `http://127.0.0.1:${process.env.ADMIN_PORT ?? '9901'}` });
  console.log(`drained, ${open} streams left`);
}
