/** The edge's configuration: made from the contracts, complete, and accepted by Envoy itself. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { edgeMethods } from '../../envoy/contracts.ts';
import { edgeText } from '../../envoy/build.ts';
import { EDGE_CONFIG_PATH, renderEdge } from '../../envoy/render.ts';
import { quiet } from '../../scripts/say.ts';
import { edgeSpec } from '../../scripts/stack/edge.ts';
import { SANDBOX_NAMES, SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { emptyWeb } from '../../scripts/stack/web.ts';
import { ensureTools } from '../../scripts/tools/index.ts';

const run = promisify(execFile);

test('edge.yaml is what the contracts of today make', (t) => {
  t.true(readFileSync(EDGE_CONFIG_PATH, 'utf8') === edgeText(), 'run npm run generate');
});

test('Envoy accepts it', async (t) => {
  const { envoy } = await ensureTools(['envoy'], quiet);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-edge-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const ports = Object.fromEntries([...SERVICE_NAMES, ...SANDBOX_NAMES].map((name, index) => [name, 20_000 + index]));
  const addresses = { ports, http_ports: ports, edge_port: 1, edge_tls_port: 2, public_url: '' };
  edgeSpec({ tool: envoy, folder, addresses, admin_port: 3, web_dist: await emptyWeb(join(folder, 'web')) });
  const { stdout, stderr } = await run(envoy.path, ['--mode', 'validate', '-c', join(folder, 'edge.yaml')], { env: { ...process.env, ...envoy.env } });
  t.regex(stdout + stderr, /configuration '.*' OK/);
  t.notRegex(stdout + stderr, /deprecated (field|option)/i);
});

test('what only services may call has no route', (t) => {
  const paths = edgeMethods().map(({ path }) => path);
  t.true(paths.includes('/rail.order.v1.OrderService/SubmitOrder'));
  for (const path of ['/rail.inventory.v1.InventoryService/HoldSeats', '/rail.order.v1.OrderService/TransitionItems', '/rail.identity.v1.IdentityService/ResolvePassengers']) {
    t.false(paths.includes(path), path);
    t.false(readFileSync(EDGE_CONFIG_PATH, 'utf8').includes(path), path);
  }
});

test('only methods without effects may be asked for by a URL', (t) => {
  const cacheable = edgeMethods().filter((method) => method.cacheable);
  t.true(cacheable.some(({ path }) => path.endsWith('/SearchTrains')));
  t.deepEqual(cacheable.filter((method) => /\/(Submit|Create|Add|Log|Register|Cancel|Set|Lock|Refresh|Watch)/.test(method.path)).map(({ path }) => path), []);
});

test('a half-filled edge does not start', (t) => {
  t.throws(() => renderEdge({ A: 1 }, 'a: ${A}\nb: ${B}'), { message: /a value for B/ });
  t.throws(() => renderEdge({ A: 1, C: 2 }, 'a: ${A}'), { message: /nothing of C/ });
  t.is(renderEdge({ A: 1, B: 'x: y' }, 'a: ${A}\nb: "${B}"\nc: ${A}'), 'a: 1\nb: "x: y"\nc: 1');
});
