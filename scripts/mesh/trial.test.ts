/** When the mesh is not tested, that is said and counted, and nothing is left running. The real lab cluster is not touched. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { testOnMesh } from './trial.ts';

const SKIPPED = { passed: 0, failed: 0, skipped: 1 };

test.before(() => {
  delete process.env.KUBECONFIG;
});

test.serial('without a lab cluster it is skipped', async (t) => {
  process.env.CHUNYUN_KUBE_LAB = join(tmpdir(), 'no-such-lab');
  t.deepEqual(await testOnMesh(new AbortController().signal), SKIPPED);
});

test.serial('a cluster that runs already is left as it is', async (t) => {
  const { asked } = layLab(t, { answers: true });
  t.deepEqual(await testOnMesh(new AbortController().signal), SKIPPED);
  t.deepEqual(asked(), ['env']);
});

test.serial('a lab cluster that does not start is ended, and it is skipped', async (t) => {
  const { asked } = layLab(t, { answers: false });
  t.deepEqual(await testOnMesh(new AbortController().signal), SKIPPED);
  t.deepEqual(asked(), ['env', 'up', 'down']);
});

/** A lab command whose clusters never start; whether one answers already is `answers`. */
function layLab(t: ExecutionContext, { answers }: { answers: boolean }): { asked(): string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-lab-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const asked_path = join(folder, 'asked');
  const script = (name: string, text: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  script('kubectl', `exit ${answers ? 0 : 1}`);
  script('kube-lab', `echo "$1" >> ${asked_path}\ncase "$1" in env) echo "export PATH=${folder}:\\$PATH KUBECONFIG=${folder}/config";; up) exit 1;; esac`);
  process.env.CHUNYUN_KUBE_LAB = join(folder, 'kube-lab');
  return { asked: () => (existsSync(asked_path) ? readFileSync(asked_path, 'utf8').trim().split('\n') : []) };
}
