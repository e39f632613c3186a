/** The same edge.yaml, filled in for a pod: by a program without anything but the environment, and accepted by Envoy. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { clusterValues } from '../../envoy/cluster.ts';
import { quiet } from '../../scripts/say.ts';
import { ensureTools } from '../../scripts/tools/index.ts';
import { NODE_BIN, ROOT } from '../../scripts/tools/paths.ts';
import { writePrivate } from '../../scripts/stack/secrets.ts';
import { selfSigned } from '../../scripts/stack/certificate.ts';
import { emptyWeb } from '../../scripts/stack/web.ts';

const run = promisify(execFile);
const TOKENS = { JWT_ISSUER: 'chunyun', JWT_AUDIENCE: 'chunyun' };

test('Envoy accepts what a pod is given', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-edge-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { certificate_pem, key_pem } = selfSigned(new Date(), 1);
  const [TLS_CERT, TLS_KEY, config] = ['tls.crt', 'tls.key', 'edge.yaml'].map((name) => join(folder, name)) as [string, string, string];
  writePrivate(TLS_CERT, certificate_pem);
  writePrivate(TLS_KEY, key_pem);
  // What Kubernetes writes into every pod of a namespace with a service named order.
  const env = { ...TOKENS, TLS_CERT, TLS_KEY, WEB_DIST: await emptyWeb(join(folder, 'web')), CACHE_DIR: `${join(folder, 'cache')}/`, ACCESS_LOG: join(folder, 'access.log'), ORDER_PORT: 'tcp://10.0.0.1:9000', ORDER_HOST: '10.0.0.1' };
  await run(join(NODE_BIN, 'node'), [join(ROOT, 'envoy', 'render_cluster.ts'), config], { env });
  const text = readFileSync(config, 'utf8');
  t.regex(text, /address: order\.chunyun\.svc\.cluster\.local\n\s+port_value: 9000/);
  t.regex(text, /authority: risk\.chunyun\.svc\.cluster\.local\n/);
  t.regex(text, /uri: http:\/\/identity\.chunyun\.svc\.cluster\.local:8080\//);
  const { envoy } = await ensureTools(['envoy'], quiet);
  const { stdout, stderr } = await run(envoy.path, ['--mode', 'validate', '-c', config], { env: { ...process.env, ...envoy.env } });
  t.regex(stdout + stderr, /configuration '.*' OK/);
  t.notRegex(stdout + stderr, /deprecated (field|option)/i);
});

test('an edge of which nobody says whose tokens it takes does not start', (t) => {
  t.throws(() => clusterValues({ JWT_ISSUER: 'chunyun' }), { message: /JWT_AUDIENCE/ });
});

test('the heap that Envoy may fill follows the memory of the container', (t) => {
  t.is(clusterValues({ ...TOKENS, MEMORY_LIMIT_BYTES: String(512 * 1024 ** 2) }).MAX_HEAP_BYTES, 288 * 1024 ** 2);
  t.is(clusterValues({ ...TOKENS, NAMESPACE: 'elsewhere' }).QUERY_HOST, 'query.elsewhere.svc.cluster.local');
});
