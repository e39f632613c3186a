import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { addKey, ensureKeys } from '#kit/external/make_keys.ts';
import { openJwtKeys } from './jwt_keys.ts';

test('a key is published before it signs, and the old one as long as its file is there', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'chunyun-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await ensureKeys({ signing_keys_dir: dir });
  const keys = await openJwtKeys(dir, 'k0001');
  await addKey(dir, 'jwt', 'k0002');
  await keys.reload();
  t.is(keys.signing().kid, 'k0001');
  t.deepEqual(keys.jwks().keys.map(({ kid }) => kid), ['k0001', 'k0002']);
  for (const key of keys.jwks().keys) t.deepEqual(Object.keys(key).toSorted(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'], 'nothing private');

  const second = await openJwtKeys(dir, 'k0002');
  t.is(second.signing().kid, 'k0002');
  await rm(join(dir, 'jwt-k0001.pem'));
  await second.reload();
  t.deepEqual(second.jwks().keys.map(({ kid }) => kid), ['k0002']);
  await t.throwsAsync(openJwtKeys(dir, 'k0001'), { message: /no key/ });
});
