/** Proof 2: nobody speaks to a pod in the clear, and every account may ask what the table of calls lists for it, and nothing else. */
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { inTurns } from '#kit/base/in_turns.ts';
import { calleesOf, calls, PORTS, type Call as Row, type Caller } from '../../mesh/calls.ts';
import type { Cluster } from '../../scripts/mesh/cluster.ts';
import { SERVICE_NAMES, type ServiceName } from '../../scripts/stack/services.ts';
import type { Asked, Found, Input, Told } from './programs/identities.ts';
import type { Heard } from './programs/plain.ts';
import { eventually, getObject, GRPC, MANAGER, NAMESPACE, openMesh, OUTSIDE, podsOf, runProgram, type Answer, type Call } from './support/mesh.ts';

/** Who may be a caller, and who never may: migrations, and pods that name no account. Tools run as `ops`. */
const CALLERS: readonly Caller[] = [...SERVICE_NAMES, 'edge'];
const ACCOUNTS = [...CALLERS, 'migrate', 'default'] as const;

const TIMEOUT_MS = 20_000;
/** Pods in which something is run at a time. */
const AT_ONCE = 3;

/** What grpc-js says of its answers; proxies write `application/grpc`. */
const OF_A_SERVICE = 'application/grpc+proto';

/** What may be asked, and who may. */
type Question = Pick<Row, 'callee' | 'path' | 'callers'> & { port: keyof typeof PORTS; http_method: string };

const LISTED: readonly Question[] = calls();
const QUESTIONS: readonly Question[] = [...LISTED, ...SERVICE_NAMES.flatMap(unlisted)];

test('nobody is heard without a certificate of the mesh, at any port of any pod', async (t) => {
  const mesh = await openMesh();
  const pods = await addresses(mesh);
  // The edge's own doors are TLS of its own; what it has besides is behind the proxy like everybody's.
  const ports = (app: string): number[] => (app === 'edge' ? [9901, 8081, 9000] : Object.values(PORTS));
  const closed = pods.flatMap(([app, ip]) => ports(app).map((port) => `${ip}:${port}`));
  t.deepEqual([...new Set(pods.map(([app]) => app))].toSorted(), [...SERVICE_NAMES, 'edge'].toSorted());
  // Who speaks in the clear to somebody in the clear is heard: the same way of asking finds an open door.
  const open = `${pods.find(([app]) => app === 'edge')![1]}:8080`;
  const heard = await runProgram<Heard[]>(mesh, 'plain', await traveller(mesh), { addresses: [...closed, open] });
  t.deepEqual(heard.filter(({ address, answer }) => address !== open && answer !== ''), []);
  t.true(heard.some(({ address, answer }) => address === open && answer.startsWith('HTTP/1.1 ')));
  t.is(heard.length, (closed.length + 1) * 3);
});

test('whoever has the certificate of an account may ask what the table lists for it, and is refused everything else', async (t) => {
  const mesh = await openMesh();
  t.true(QUESTIONS.length > 200, 'the table is read');
  const abroad = await namespaceWith(t, mesh, 'order');
  const who = [...ACCOUNTS.map((account) => ({ account: account as string, namespace: NAMESPACE })), { account: 'order', namespace: abroad }];
  const identities = await Promise.all(who.map(async ({ account, namespace }) => ({ name: `${namespace}/${account}`, token: (await mesh.kubectl(['-n', namespace, 'create', 'token', account, '--audience=istio-ca', '--duration=10m'])).trim() })));
  const { data } = await getObject<{ data: Record<string, string> }>(mesh, 'configmap', 'istio-ca-root-cert');
  const doors = new Map((await addresses(mesh)).toReversed());
  const input: Input = { authority: { address: 'istiod.istio-system.svc:15012', root_pem: data['root-cert.pem']! }, identities, questions: QUESTIONS.map((question) => askedOf(question, doors.get(question.callee)!)) };
  const found = await runProgram<Found[]>(mesh, 'identities', await traveller(mesh), input);
  t.deepEqual(found.map(({ subject }) => subject), who.map(({ account, namespace }) => `URI:spiffe://cluster.local/ns/${namespace}/sa/${account}`));
  for (const [index, { name, answers }] of found.entries()) {
    const { account, namespace } = who[index]!;
    const may = ({ callers }: Question): boolean => namespace === NAMESPACE && callers.some((caller) => caller === account);
    t.deepEqual(QUESTIONS.flatMap((question, at) => faultsOf(question, may(question), answers[at]!)), [], name);
  }
});

test('each service and the edge get through their own proxies to all that is listed for them, and find nobody else', async (t) => {
  const mesh = await openMesh();
  const faults = await inTurns(CALLERS, AT_ONCE, async (caller) => {
    const listed = LISTED.filter(({ callee, callers }) => callee !== caller && callers.includes(caller));
    const strangers = LISTED.filter(({ callee, port, path }) => port === 'grpc' && path.startsWith('/grpc.health.') && callee !== caller && !calleesOf(caller).includes(callee));
    const questions = [...listed, ...strangers];
    // On a busy machine an answer may be late, and a pod may leave while it is asked.
    return eventually(async () => {
      const [pod] = await podsOf(mesh, caller);
      const answers = await runProgram<Answer[]>(mesh, 'call', { pod: pod! }, { calls: questions.map(callOf), at_once: 4 }).catch(() => undefined);
      if (answers === undefined) return undefined;
      if (answers.slice(0, listed.length).some(({ code, metadata }) => Object.keys(metadata).length === 0 || ([GRPC.UNAVAILABLE, GRPC.DEADLINE_EXCEEDED, 502, 503, 504] as number[]).includes(code))) return undefined;
      return questions.flatMap((question, at) => {
        const { code, details, metadata } = answers[at]!;
        const told = { code, details, content_type: metadata['content-type'] ?? '' };
        // The proxy knows no such host, so the call is not even made.
        const fault = at < listed.length ? faultsOf(question, true, told) : code === GRPC.UNAVAILABLE ? [] : [`${question.callee}: ${code} ${details}`];
        return fault.map((one) => `${caller} → ${one}`);
      });
    });
  });
  t.deepEqual(faults.flat(), []);
});

/** What nobody may ask: what no contract names, the descriptors of all, and numbers and callbacks by another verb. */
function unlisted(callee: ServiceName): Question[] {
  const paths = ['/', '/rail.order.v1.OrderService/Nothing', '/grpc.health.v1.Health/Watch', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'];
  const by_http = LISTED.filter((call) => call.callee === callee && call.port === 'http');
  const nobody = { callee, callers: [] };
  return [
    ...paths.map((path): Question => ({ ...nobody, port: 'grpc', http_method: 'POST', path })),
    ...by_http.flatMap(({ path }): Question[] => [{ ...nobody, port: 'http', http_method: 'PUT', path }, { ...nobody, port: 'http', http_method: 'GET', path: '/' }]),
    ...['/metrics', '/readyz', '/'].map((path): Question => ({ ...nobody, port: 'metrics', http_method: 'GET', path })),
  ];
}

function askedOf({ port, http_method, path }: Question, ip: string): Asked {
  return { address: `${ip}:${PORTS[port]}`, path: path.replace('*', 'v1/x'), ...(port === 'grpc' ? {} : { http_method }) };
}

function callOf(question: Question): Call {
  return { ...askedOf(question, `${question.callee}.${NAMESPACE}.svc.cluster.local`), timeout_ms: TIMEOUT_MS };
}

/** What is wrong with an answer: who may ask has it from the service, whatever that says to a question without content. */
function faultsOf({ callee, port, http_method, path }: Question, may: boolean, { code, details, content_type }: Told): string[] {
  // What is no port of the Service is bytes to the proxy: it hangs up.
  const denied = port === 'metrics' ? code === 0 : details === 'RBAC: access denied' && code === (port === 'grpc' ? GRPC.PERMISSION_DENIED : 403);
  const served = port === 'grpc' ? content_type === OF_A_SERVICE && code >= 0 && code !== GRPC.UNIMPLEMENTED : code >= 200 && code < 500 && !denied;
  return (may ? served : denied) ? [] : [`${callee} ${http_method} ${path}: ${code} ${details}`];
}

/** Applications and addresses of all pods of ours that are not about to end. */
async function addresses(mesh: Cluster): Promise<[string, string][]> {
  const text = await mesh.kubectl(['-n', NAMESPACE, 'get', 'pods', '-l', 'app.kubernetes.io/part-of=chunyun,track', '--field-selector=status.phase=Running', '-o', 'jsonpath={range .items[*]}{.metadata.labels.app} {.status.podIP} {.metadata.deletionTimestamp};{end}']);
  return text.split(';').map((one) => one.trim().split(' ')).filter((one) => one.length === 2) as [string, string][];
}

async function traveller(mesh: Cluster): Promise<{ pod: string; namespace: string }> {
  return { pod: (await podsOf(mesh, 'traveller', OUTSIDE))[0]!, namespace: OUTSIDE };
}

/** A namespace that is not ours, with an account that is called like one of ours. */
async function namespaceWith(t: Pick<ExecutionContext, 'teardown'>, mesh: Cluster, account: string): Promise<string> {
  const name = `probe-${randomBytes(4).toString('hex')}`;
  t.teardown(async () => void (await mesh.tryKubectl(['delete', 'namespace', name, '--wait=false'])));
  await mesh.apply(MANAGER, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace: name } },
  ]);
  return name;
}
