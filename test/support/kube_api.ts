/** The API of Kubernetes alone, from the lab cluster's programs: etcd and kube-apiserver with Istio's resources, and nothing that acts upon them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { labCommand } from '../../scripts/mesh/cluster.ts';
import { dieWithUs, outcomeOf, outputOf } from '../../scripts/tools/command.ts';
import { freePorts } from './edge.ts';
import { eventually, kill } from './processes.ts';

export type KubePrograms = { etcd: string; apiserver: string; kubectl: string; crds: string };
export type KubeApi = { kubeconfig: string; kubectl: string; run(args: readonly string[], input?: string): Promise<string>; stop(): Promise<void> };

const TOKEN = 'test';
const CRDS = join('manifests', 'charts', 'base', 'files', 'crd-all.gen.yaml');

export async function startKubeApi(found: KubePrograms): Promise<KubeApi> {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-kube-'));
  const [etcd_port, peer_port, api_port] = (await freePorts(3)) as [number, number, number];
  writeFileSync(join(folder, 'tokens.csv'), `${TOKEN},admin,admin,system:masters\n`);
  writeFileSync(join(folder, 'accounts.pem'), generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const children = [start(found.etcd, ['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error', '--listen-client-urls', url(etcd_port, 'http'), '--advertise-client-urls', url(etcd_port, 'http'), '--listen-peer-urls', url(peer_port, 'http'), '--initial-advertise-peer-urls', url(peer_port, 'http'), '--initial-cluster', `default=${url(peer_port, 'http')}`])];
  const stop = async (): Promise<void> => {
    for (const { child } of children) await kill(child);
    rmSync(folder, { recursive: true, force: true });
  };
  children.push(start(found.apiserver, [
    `--etcd-servers=${url(etcd_port, 'http')}`, '--bind-address=127.0.0.1', `--secure-port=${api_port}`, `--cert-dir=${join(folder, 'certificates')}`, `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--service-account-issuer=https://kubernetes.default.svc', `--service-account-key-file=${join(folder, 'accounts.pem')}`, `--service-account-signing-key-file=${join(folder, 'accounts.pem')}`,
    '--disable-admission-plugins=ServiceAccount', '--service-cluster-ip-range=10.96.0.0/16', '--authorization-mode=RBAC',
  ]));
  const kubeconfig = join(folder, 'config');
  writeFileSync(kubeconfig, JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'test', clusters: [{ name: 'test', cluster: { server: url(api_port, 'https'), 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: TOKEN } }], contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  }));
  const words = [found.kubectl, '--kubeconfig', kubeconfig];
  try {
    await eventually(async () => {
      const ended = children.find(({ child }) => child.exitCode !== null);
      if (ended !== undefined) throw new Error(`a server of the API ended: ${ended.said()}`);
      return (await outcomeOf([...words, 'get', '--raw', '/readyz'])).code === 0;
    });
    await outputOf([...words, 'apply', '--server-side', '-f', found.crds]);
    await outputOf([...words, 'wait', '--for=condition=Established', '--timeout=60s', 'crd/virtualservices.networking.istio.io', 'crd/destinationrules.networking.istio.io']);
  } catch (error) {
    await stop();
    throw error;
  }
  return { kubeconfig, kubectl: found.kubectl, run: (args, input) => outputOf([...words, ...args], { input }), stop };
}

/** Undefined where the lab cluster's programs were not built. */
export async function findKubePrograms(): Promise<KubePrograms | undefined> {
  const lab = labCommand();
  if (lab === undefined) return undefined;
  const bin = /PATH=([^:\s]+)/.exec((await outcomeOf([lab, 'env'])).stdout)?.[1] ?? '';
  const [etcd, apiserver, kubectl] = ['etcd', 'kube-apiserver', 'kubectl'].map((name) => join(bin, name)) as [string, string, string];
  const module = await outcomeOf(['go', 'list', '-m', '-f', '{{.Dir}}', 'istio.io/istio'], { cwd: join(dirname(lab), 'istio') });
  const crds = join(module.stdout.trim(), CRDS);
  return [etcd, apiserver, kubectl, crds].every((path) => existsSync(path)) ? { etcd, apiserver, kubectl, crds } : undefined;
}

function start(program: string, args: readonly string[]): { child: ChildProcess; said: () => string } {
  const words = [...dieWithUs(), program, ...args];
  const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr!.on('data', (data: Buffer) => (said = `${said}${data.toString()}`.slice(-5_000)));
  return { child, said: () => said };
}

function url(port: number, scheme: 'http' | 'https'): string {
  return `${scheme}://127.0.0.1:${port}`;
}
