import test from 'ava';
import { completeLock, type Lock } from './lockfile.ts';

const LOCK: Lock = {
  lockfileVersion: 3,
  packages: {
    '': {},
    'node_modules/a': { version: '1.0.0', dev: true, optionalDependencies: { '@a/linux-x64-gnu': '1.0.0', '@a/darwin-arm64': '1.0.0', '@a/linux-arm64-musl': '1.0.0' } },
    'node_modules/@a/linux-x64-gnu': { version: '1.0.0', optional: true },
    'node_modules/b/node_modules/c': { version: '2.0.0', optionalDependencies: { d: '1.0.0' } },
    'node_modules/b/node_modules/d': { version: '1.0.0' },
  },
};

test('adds the platforms that are missing, with what npm needs to skip them', (t) => {
  const { lock, added } = completeLock(LOCK);
  t.deepEqual(added, ['@a/darwin-arm64', '@a/linux-arm64-musl']);
  t.deepEqual(lock.packages['node_modules/@a/darwin-arm64'], { version: '1.0.0', os: ['darwin'], cpu: ['arm64'], dev: true, optional: true });
  t.deepEqual(lock.packages['node_modules/@a/linux-arm64-musl']?.libc, ['musl']);
  t.is(lock.lockfileVersion, 3);
});

test('a complete lock stays as it is', (t) => {
  const { lock } = completeLock(LOCK);
  t.deepEqual(completeLock(lock).added, []);
});
