import test from 'ava';
import type { Infra } from './infra.ts';
import { chooseAddresses, processEnvironment } from './environment.ts';
import { openPortBook } from './ports.ts';
import { openSecrets } from './secrets.ts';
import { processesOf, SANDBOX_NAMES, UNIT_NAMES } from './services.ts';

test('every layout runs every unit once, and the outside world apart from us', (t) => {
  for (const layout of ['grouped', 'one', 'each'] as const) {
    const groups = processesOf(layout, UNIT_NAMES);
    t.deepEqual(groups.flatMap((group) => group.units).toSorted(), UNIT_NAMES.toSorted());
    for (const { units } of groups) {
      const outside = units.filter((unit) => SANDBOX_NAMES.some((name) => name === unit)).length;
      t.true(outside === 0 || outside === units.length);
    }
  }
});

test('a process knows the databases of its own services only; the outside world knows no secret of ours', async (t) => {
  const secrets = openSecrets(undefined);
  const infra = { redis_url: 'redis://:secret@127.0.0.1:1', mysql_url: 'mysql://root:secret@127.0.0.1:2/', nats_url: 'nats://127.0.0.1:3', nats_token: 'secret' } as Infra;
  const input = { addresses: await chooseAddresses(openPortBook(undefined)), infra, secrets, signing_keys_dir: '/keys', sandbox_keys_dir: '/outside', sandbox_data_dir: '/data', feed_file: '/feed.zip', log_level: 'info' };
  const [sell] = processesOf('grouped', ['order', 'inventory']);
  const env = processEnvironment(sell!, 9, input);
  t.deepEqual(Object.keys(env).filter((name) => name.startsWith('MYSQL_')).toSorted(), ['MYSQL_URL_INVENTORY', 'MYSQL_URL_ORDER']);
  t.regex(env.MYSQL_URL_ORDER!, /^mysql:\/\/chunyun_order:[0-9a-f]{64}@127\.0\.0\.1:2\/chunyun_order$/);
  t.is(env.QUERY_ADDRESS, `127.0.0.1:${env.QUERY_PORT}`);
  t.is(env.GATEWAY_URL, `http://127.0.0.1:${env.GATEWAY_HTTP_PORT}`);
  t.false(JSON.stringify(env).includes('root'));

  const [outside] = processesOf('grouped', ['gateway']);
  const strange = processEnvironment(outside!, 9, input);
  for (const name of ['REDIS_URL', 'NATS_TOKEN', 'CUNIT_NAMESER_KEY', 'COLUMN_KEYS', 'SIGNING_KEYS_DIR']) t.is(strange[name], undefined);
  t.is(strange.SANDBOX_KEYS_DIR, '/outside');
});
