import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { autoscalersOver, type ApiSettings } from './autoscalers.ts';
import { planSchema, scaleForSale } from './sale_scaling.ts';

const PLAN = planSchema.parse({
  lead_min: 30,
  openings: [{ name: '起售', start: '08:00', lasts_min: 60 }],
  services: { query: { quiet: 4, sale: 16 }, order: { quiet: 4, sale: 12 } },
});
const at = (time: string): number => Date.parse(`2027-01-10T${time}:00+08:00`);

test('pods are there from the lead on until the opening is over, and however often it is run only changes are written', async (t) => {
  const api = await playApi(t, { query: { minReplicas: 4, maxReplicas: 40 }, order: { minReplicas: 4, maxReplicas: 40 } });
  const steps: Array<[string, number, number]> = [['07:29', 4, 0], ['07:30', 16, 2], ['08:30', 16, 2], ['08:59', 16, 2], ['09:00', 4, 4], ['13:00', 4, 4]];
  for (const [time, minimum, writes] of steps) {
    const { failed } = await scaleForSale(PLAN, at(time), api.autoscalers());
    t.deepEqual(failed, []);
    t.is(api.state.query!.minReplicas, minimum, time);
    t.is(api.patches.length, writes, time);
  }
  t.true(api.seen.every(({ authorization }) => authorization === 'Bearer of-a-pod'));
});

test('a busy API is asked again, one that says no is not, and the others are scaled all the same', async (t) => {
  const api = await playApi(t, { order: { maxReplicas: 40 } });
  api.fail = [500, 429];
  const { changed, failed } = await scaleForSale(PLAN, at('08:00'), api.autoscalers());
  t.deepEqual(changed, [{ service: 'order', from: 1, to: 12 }]);
  t.is(failed.length, 1);
  t.regex(failed[0]!.why, /query: answered 404/);
  t.is(api.seen.filter(({ url }) => url.endsWith('/query')).length, 3);
});

test('an API that never answers well is given up, and a deadline ends the waiting', async (t) => {
  const api = await playApi(t, { query: { maxReplicas: 40 } });
  api.fail = Array.from({ length: 100 }, () => 503);
  await t.throwsAsync(api.autoscalers().read('query'), { message: /answered 503/ });
  t.is(api.seen.length, 5);
  await t.throwsAsync(api.autoscalers({ pause_ms: 3_600_000, signal: AbortSignal.timeout(50) }).read('query'));
});

test('a minimum above what the autoscaler allows is told, and the most that is allowed is taken', async (t) => {
  const api = await playApi(t, { query: { minReplicas: 2, maxReplicas: 10 }, order: { minReplicas: 12, maxReplicas: 40 } });
  const report = await scaleForSale(PLAN, at('08:00'), api.autoscalers());
  t.deepEqual(report.changed, [{ service: 'query', from: 2, to: 10 }]);
  t.regex(report.failed[0]!.why, /wants 16 pods and the autoscaler allows 10/);
});

type Spec = { minReplicas?: number; maxReplicas: number };

/** What the API of Kubernetes does for these two calls; `fail` are statuses that the next calls get instead. */
async function playApi(t: ExecutionContext, state: Record<string, Spec>) {
  const api = {
    state,
    fail: [] as number[],
    patches: [] as unknown[],
    seen: [] as Array<{ url: string; authorization: string | undefined }>,
    autoscalers: (other: Partial<ApiSettings> = {}) => autoscalersOver({ url, namespace: 'chunyun', token: () => 'of-a-pod', signal: new AbortController().signal, pause_ms: 1, ...other }),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    api.seen.push({ url: request.url!, authorization: request.headers.authorization });
    const body = Buffer.concat(await request.toArray()).toString();
    const name = /^\/apis\/autoscaling\/v2\/namespaces\/chunyun\/horizontalpodautoscalers\/(\w+)$/.exec(request.url!)?.[1] ?? '';
    const status = api.fail.shift() ?? (state[name] === undefined ? 404 : 200);
    if (status === 200 && request.method === 'PATCH' && request.headers['content-type'] === 'application/merge-patch+json') {
      const { spec } = JSON.parse(body) as { spec: Spec };
      api.patches.push(spec);
      state[name] = { ...state[name]!, ...spec };
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ spec: state[name] }));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return api;
}
