import test from 'ava';
import { contractMethods, edgeMethods } from '../envoy/contracts.ts';
import { CALLBACKS } from '../envoy/routes.ts';
import { SERVICE_NAMES } from '../scripts/stack/services.ts';
import { calls, type Call } from './calls.ts';
import { DATA, OUTSIDE } from './reach.ts';
import { clientsOf, sourcesOf } from './sources.ts';

const table = calls();

function find(path: string): Call[] {
  return table.filter((call) => call.path === path);
}

test('every method of the contracts is in it, with the callers of its rule', (t) => {
  for (const { path, callers, for_outside } of contractMethods()) {
    const found = find(path);
    t.true(found.length > 0, path);
    for (const call of found) {
      const beyond = call.callers.filter((caller) => caller !== 'edge' && !callers.includes(caller));
      t.deepEqual(beyond, path.endsWith('/GetVerificationKeys') ? ['ops'] : [], path);
      t.is(call.callers.includes('edge'), for_outside, path);
    }
  }
  for (const { path } of edgeMethods()) t.true(find(path).every(({ callers }) => callers.includes('edge')), path);
});

test('each call stands in it once, and nobody is named who is not there', (t) => {
  const keys = table.map(({ callee, port, path }) => `${callee} ${port} ${path}`);
  t.is(new Set(keys).size, keys.length);
  for (const { callers } of table) t.deepEqual(callers.filter((caller) => caller !== 'edge' && !SERVICE_NAMES.includes(caller)), []);
});

test('who makes a client of a contract may call something of it, and what is served is in it', (t) => {
  let clients = 0;
  for (const caller of SERVICE_NAMES) {
    for (const contract of clientsOf(caller)) {
      // Query asks itself in its own process (services/query/rpc/own_questions.ts).
      if (caller === 'query' && contract === 'QueryService') continue;
      clients++;
      t.true(table.some((call) => call.path.includes(`.${contract}/`) && call.callers.includes(caller)), `${caller} has a client of ${contract}`);
    }
  }
  t.true(clients > 30, `only ${clients} clients were found: does the search still read the code?`);
  for (const [contract, made_by] of [['HousekeepingService', 'housekeepingService({'], ['AuditService', 'auditService({']] as const) {
    const servers = SERVICE_NAMES.filter((name) => sourcesOf(name).some(({ path, text }) => path.endsWith('/main.ts') && text.includes(made_by)));
    t.deepEqual(SERVICE_NAMES.filter((name) => table.some(({ callee, path }) => callee === name && path.includes(`.${contract}/`))), servers, contract);
  }
});

test('paths under which others call back are those of the edge', (t) => {
  for (const { prefix, cluster } of CALLBACKS) t.deepEqual(find(`${prefix}*`).map(({ callee, callers }) => [`${callee}_http`, callers]), [[cluster, ['edge']]]);
});

test('what a service reaches besides is what its configuration asks for', (t) => {
  for (const name of SERVICE_NAMES) {
    const text = sourcesOf(name).filter(({ path }) => /\/(main|config)\.ts$/.test(path)).map((source) => source.text).join('\n');
    const asked = (key: string): boolean => new RegExp(`^  ${key}: `, 'm').test(text);
    const stores = [...(asked(`mysql_url_${name}`) ? ['mysql'] : []), ...(asked('redis_url') ? ['redis'] : []), ...(asked('nats_url') ? ['nats'] : [])];
    t.deepEqual([...DATA[name]], stores, name);
    t.deepEqual([...(OUTSIDE[name] ?? [])], ['railway', 'realname', 'gateway', 'messaging'].filter((system) => asked(`${system}_url`)), name);
  }
});
