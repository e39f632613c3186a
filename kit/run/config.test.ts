import test from 'ava';
import { z } from 'zod';
import { ConfigError, count, flag, hexKey, hexKeys, hostPort, list, milliseconds, port, readConfig, url } from './config.ts';

const KEY_HEX = 'ab'.repeat(32);

test('fields come from the environment, by upper-case name, typed and with defaults', (t) => {
  const schema = z.object({ order_port: port.default(0), risk_address: hostPort, jwks_url: url, caller_key: hexKey(32), old_keys: hexKeys(2), order_sweep_ms: milliseconds.default(1000), batch: count, reflection: flag.default(true), redis_url: list });
  const config = readConfig(schema, { RISK_ADDRESS: '[::1]:50051', JWKS_URL: 'http://127.0.0.1:1/jwks', CALLER_KEY: KEY_HEX, OLD_KEYS: 'abcd, 0102', BATCH: '50', REFLECTION: '0', REDIS_URL: 'a,b', ORDER_PORT: '', UNRELATED: 'x' });
  t.deepEqual(config, { order_port: 0, risk_address: '[::1]:50051', jwks_url: 'http://127.0.0.1:1/jwks', caller_key: new Uint8Array(32).fill(0xab), old_keys: [Uint8Array.of(0xab, 0xcd), Uint8Array.of(1, 2)], order_sweep_ms: 1000, batch: 50, reflection: false, redis_url: ['a', 'b'] });
});

test('one error names every problem and no value', (t) => {
  const schema = z.object({ risk_address: hostPort, caller_key: hexKey(32), order_port: port, jwks_url: url, keys: hexKeys(4), mode: z.enum(['a', 'b']) });
  const error = t.throws(() => readConfig(schema, { CALLER_KEY: 'hunter2', ORDER_PORT: '70000', JWKS_URL: 'hunter2', KEYS: 'hunter2', MODE: 'hunter2' }), { instanceOf: ConfigError });
  t.deepEqual(error.problems.map((problem) => problem.split(':')[0]).toSorted(), ['CALLER_KEY', 'JWKS_URL', 'KEYS', 'MODE', 'ORDER_PORT', 'RISK_ADDRESS']);
  t.true(error.problems.includes('RISK_ADDRESS: is missing'));
  t.false(error.message.includes('hunter2'));
});

test('addresses', (t) => {
  for (const good of ['localhost:1', 'order.chunyun.svc:50051', '127.0.0.1:65535']) t.true(hostPort.safeParse(good).success, good);
  for (const bad of ['localhost', ':1', 'a:b', 'host:70000', 'http://a:1', '::1:50051']) t.false(hostPort.safeParse(bad).success, bad);
});
