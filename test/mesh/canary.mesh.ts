/** Proof 6: a good version is promoted and a bad one rolled back by itself, while people ask. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { APP_IMAGE, loadImages } from '../../scripts/mesh/image.ts';
import { say } from '../../scripts/say.ts';
import { outcomeOf } from '../../scripts/tools/command.ts';
import { NODE_BIN, ROOT } from '../../scripts/tools/paths.ts';
import type { Read } from './programs/readers.ts';
import { getObject, openMesh, type Cluster } from './support/mesh.ts';
import { startReaders } from './support/readers.ts';

/** Questions a second; a version gets its share of them, and a step needs some of its own to be judged. */
const RATE = Number(process.env.MESH_READS ?? 25);
const QUICKLY = ['--dwell', '5', '--requests', '10', '--within', '400', '--replicas', '1'];
const COMMAND_MS = 580_000;
const ANSWERS = 'services/query/rpc/kept_answers.ts';
const ASKED = '    // The channel of a token counts, whatever the request says.';

type Deployment = { spec: { template: { spec: { containers: { image: string }[] } } } };

test.serial('a version that answers with errors is rolled back by itself, and hardly anybody notices', async (t) => {
  t.timeout(COMMAND_MS);
  const mesh = await openMesh();
  const image = await imageWith(mesh, faulty());
  const stable = await imageOf(mesh, 'query');
  const { code, output, read } = await canaryWhileAsked(t, mesh, image);
  t.is(code, 1, output);
  t.is(await imageOf(mesh, 'query'), stable);
  t.false(await exists(mesh, 'query-canary'));
  t.true(read.errors.length < Math.max(3, read.asked * 0.001), read.errors.slice(0, 5).join('\n'));
});

test.serial('a good version is promoted by itself, and nobody notices', async (t) => {
  t.timeout(COMMAND_MS);
  const mesh = await openMesh();
  const image = await imageWith(mesh, { 'mesh/release': 'the next one\n' });
  const before = await imageOf(mesh, 'query');
  t.teardown(async () => {
    await mesh.kubectl(['-n', 'chunyun', 'set', 'image', 'deployment/query', `service=${before}`]);
    await mesh.kubectl(['-n', 'chunyun', 'rollout', 'status', 'deployment/query', '--timeout=300s'], { deadline_ms: 310_000 });
  });
  const { code, output, read } = await canaryWhileAsked(t, mesh, image);
  t.is(code, 0, output);
  t.is(await imageOf(mesh, 'query'), image);
  t.false(await exists(mesh, 'query-canary'));
  t.deepEqual(read.errors, []);
});

/** The command to its end, while people ask. */
async function canaryWhileAsked(t: ExecutionContext, mesh: Cluster, image: string): Promise<{ code: number; output: string; read: Read }> {
  const readers = startReaders(t, mesh, RATE);
  const { code, stdout, stderr } = await outcomeOf([join(NODE_BIN, 'node'), 'scripts/canary.ts', 'query', '--to', image, ...QUICKLY], { cwd: ROOT, env: mesh.env, deadline_ms: COMMAND_MS });
  const output = `${stdout}${stderr}`;
  for (const line of output.trim().split('\n')) t.log(line);
  const read = await readers.stop();
  t.log(`${read.errors.length} of ${read.asked} questions failed, p95 ${read.p95_ms.toFixed(0)} ms`);
  return { code, output, read };
}

/** An image of this checkout with some files in another version. */
async function imageWith(mesh: Cluster, replace: Record<string, string>): Promise<string> {
  return `${APP_IMAGE}:${await loadImages({ cluster: { ...mesh, lab: mesh.lab! }, replace, tell: say })}`;
}

/** Query fails every other question, kept answers or not. */
function faulty(): Record<string, string> {
  const text = readFileSync(join(ROOT, ANSWERS), 'utf8');
  const broken = text.replace(ASKED, `${ASKED}\n    if (Math.random() < 0.5) throw new Error('a fault that was put in');`);
  if (broken === text) throw new Error(`${ANSWERS} has no place to break`);
  return { [ANSWERS]: broken };
}

async function imageOf(mesh: Cluster, name: string): Promise<string> {
  return (await getObject<Deployment>(mesh, 'deployment', name)).spec.template.spec.containers[0]!.image;
}

async function exists(mesh: Cluster, name: string): Promise<boolean> {
  return (await mesh.tryKubectl(['-n', 'chunyun', 'get', 'deployment', name])).code === 0;
}
