import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Document, parseAllDocuments } from 'yaml';
import { serviceObjects } from '../testing/objects.ts';
import type { Deployment, VirtualService } from '../domain/objects.ts';
import { PLAIN } from './edit_yaml.ts';
import { writeStep, type WriteWish } from './write_step.ts';

const KUSTOMIZATION = '# All of it.\nresources:\n  - services/order.yaml # who sells\n  - routes.yaml\n';

function checkout(t: ExecutionContext, service = 'order'): { folder: string; read: (name: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-gitops-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [deployment, kept, routes, rule] = serviceObjects(service, 'registry/rail:v1').map((object) => new Document(object, PLAIN).toString());
  mkdirSync(join(folder, 'services'));
  writeFileSync(join(folder, 'services', `${service}.yaml`), `# Who sells.\n${deployment!.replace('replicas: 2', 'replicas: 2 # two')}---\n${kept}`);
  writeFileSync(join(folder, 'routes.yaml'), `# Where it goes.\n${routes!.replace('timeout: 3s', 'timeout: 3s # as the contract says')}---\n${rule}`);
  writeFileSync(join(folder, 'kustomization.yaml'), KUSTOMIZATION.replace('services/order', `services/${service}`));
  writeFileSync(join(folder, 'broken.yaml'), '{{ template }}: [');
  return { folder, read: (name) => readFileSync(join(folder, name), 'utf8') };
}

function stepper(folder: string, service = 'order') {
  return (step: string, more: Partial<WriteWish> = {}): string => writeStep({ folder, service, step, image: undefined, only: [], override_freeze: undefined, bucket_count: undefined, replicas: undefined, dry_run: false, now_ms: Date.UTC(2027, 0, 15), ...more });
}

test('a canary by commits: each step is a small difference, comments stay, and in the end only the image is another', (t) => {
  const { folder, read } = checkout(t);
  const step = stepper(folder);
  const before = { routes: read('routes.yaml'), kustomization: read('kustomization.yaml') };
  t.throws(() => step('5'), { message: /first --step deploy/ });
  const deployed = step('deploy', { image: 'registry/rail:v2' });
  t.regex(deployed, /\+ {2}- services\/order-canary\.yaml/);
  const canary = parseAllDocuments(read('services/order-canary.yaml'))[0]!.toJS() as Deployment;
  t.is(canary.spec.template.spec.containers[0]!.image, 'registry/rail:v2');
  t.regex(read('kustomization.yaml'), /# All of it\.[\s\S]*order\.yaml # who sells[\s\S]*order-canary\.yaml/);

  const shifted = step('5');
  t.deepEqual(shifted.split('\n').filter((line) => /^[-+] +weight/.test(line)).map((line) => line.replace(/ +/, ' ')), ['- weight: 100', '+ weight: 95', '+ weight: 5', '- weight: 100', '+ weight: 95', '+ weight: 5']);
  t.regex(read('routes.yaml'), /# Where it goes\.[\s\S]*timeout: 3s # as the contract says/);
  t.throws(() => step('5'), { message: /nothing to change/ });
  t.throws(() => step('promote'), { message: /first --step 100/ });
  t.throws(() => step('remove'), { message: /first --step back/ });
  step('100');
  step('promote');
  t.regex(read('services/order.yaml'), /# Who sells\.[\s\S]*replicas: 2 # two[\s\S]*image: registry\/rail:v2/);
  step('back');
  step('remove');
  t.false(existsSync(join(folder, 'services', 'order-canary.yaml')));
  t.deepEqual({ routes: read('routes.yaml'), kustomization: read('kustomization.yaml') }, before);
});

test('users of a name go first, and a step is only shown when asked so', (t) => {
  const { folder, read } = checkout(t);
  const step = stepper(folder);
  step('deploy', { image: 'registry/rail:v2' });
  const before = read('routes.yaml');
  t.regex(step('1', { only: [{ header: 'x-city', value: '上海' }], dry_run: true }), /\+ +exact: 上海/);
  t.is(read('routes.yaml'), before);
});

test('inventory gets buckets', (t) => {
  const { folder, read } = checkout(t, 'inventory');
  const step = stepper(folder, 'inventory');
  step('deploy', { image: 'registry/rail:v2' });
  t.throws(() => step('5'), { message: /--buckets/ });
  step('5', { bucket_count: 64 });
  const { spec } = parseAllDocuments(read('routes.yaml'))[0]!.toJS() as VirtualService;
  t.is((spec.http![0]!.match![0]!.headers!['x-route-key'] as { regex: string }).regex.split('|').length, 4);
  t.deepEqual(spec.http!.find(({ name }) => name === 'rest')!.route!.map(({ weight }) => weight), [100]);
});

test('a declared freeze stops what goes on, never what goes back; and what kustomize would overrule is refused', (t) => {
  const { folder } = checkout(t);
  const step = stepper(folder);
  step('deploy', { image: 'registry/rail:v2' });
  step('5');
  writeFileSync(join(folder, 'freeze.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: change-freeze}\ndata:\n  sale: |\n    from: 2027-01-10 00:00\n    until: 2027-02-01 00:00\n    reason: spring festival\n');
  t.throws(() => step('20'), { message: /frozen: spring festival/ });
  t.regex(step('20', { override_freeze: 'a hole' }), /weight: 20/);
  step('0');
  step('remove');
  rmSync(join(folder, 'freeze.yaml'));
  writeFileSync(join(folder, 'kustomization.yaml'), `${KUSTOMIZATION}images: [{name: registry/rail, newTag: v1}]\n`);
  t.throws(() => step('deploy', { image: 'registry/rail:v2' }), { message: /replaces images named registry\/rail/ });
});
