// The version that others have and this one run together: during a canary, a rolling update, and after a way back.
// Contracts and events, which are contracts too, are compared by `npm run check` (buf breaking).
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import type { Migration } from '#kit/store/migrate.ts';
import { openRedis, type RedisStore } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { migrationsOf, SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { ROOT } from '../../scripts/tools/paths.ts';
import { freshRedis } from '../support/stack.ts';
import { commitBefore, layVersion, type VersionBefore } from '../support/version_before.ts';

/** Whatever loads a library of Redis Functions, by the module and what it exports; a version that had none is fine. */
const LIBRARIES: { file: string; open: string; of: (redis: RedisStore) => unknown }[] = [
  { file: 'services/inventory/store/seats.ts', open: 'openSeatStore', of: ({ client }) => client },
  { file: 'services/order/store/redis_queue.ts', open: 'createRedisQueue', of: ({ client }) => client },
  { file: 'services/risk/store/buckets.ts', open: 'openBuckets', of: (redis) => redis },
];

/** A table or column that the version before still uses must not go, nor may a write of it fail for want of a value it does not know. */
const NARROWS = [/\bDROP\s+(TABLE|COLUMN)\b/i, /\bRENAME\b/i, /\bCHANGE\s+(COLUMN\s+)?\w+\s+\w+\s/i, /\bTRUNCATE\b/i];

const base = commitBefore();
/** Where git knows of no version before, there is nothing to compare. */
const comparing = base === undefined ? test.skip : test;
let before: VersionBefore;

test.before(() => {
  if (base !== undefined) before = layVersion(base);
});
test.after.always(() => before?.remove());

test('migrations only expand: the version before goes on with its tables', async (t) => {
  const found: string[] = [];
  for (const name of SERVICE_NAMES) {
    for (const { name: migration, up } of await migrationsIn(migrationsOf(name))) {
      for (const statement of up) if (narrows(statement)) found.push(`${name} ${migration}: ${statement}`);
    }
  }
  t.deepEqual(found, []);
});

test('what narrows a table is recognised', (t) => {
  const bad = ['ALTER TABLE a DROP COLUMN b', 'DROP TABLE a', 'ALTER TABLE a RENAME COLUMN b TO c', 'ALTER TABLE a CHANGE b c INT NULL', 'ALTER TABLE a ADD COLUMN b INT NOT NULL', 'ALTER TABLE a ADD COLUMN b INT NULL, ADD COLUMN c VARCHAR(8) CHARACTER SET ascii NOT NULL'];
  const good = ["ALTER TABLE a ADD COLUMN b VARCHAR(9) NOT NULL DEFAULT ''", 'ALTER TABLE a DROP KEY k', 'ALTER TABLE a ADD COLUMN b INT AS (c + 1) VIRTUAL NOT NULL', 'ALTER TABLE a DROP PRIMARY KEY, ADD PRIMARY KEY (b, c)', 'CREATE TABLE a (b INT NOT NULL)'];
  t.deepEqual([bad.filter((sql) => !narrows(sql)), good.filter(narrows)], [[], []]);
});

comparing('migrations of the version before are there as they were, and new ones come behind them', async (t) => {
  for (const name of SERVICE_NAMES) {
    const now = await migrationsIn(migrationsOf(name));
    const were = await migrationsIn(join(before.root, 'services', name, 'store', 'migrations.ts'));
    t.deepEqual(now.slice(0, were.length), were, name);
  }
});

comparing('function libraries of both versions lie side by side: a name never gets other code', async (t) => {
  const server = await freshRedis();
  t.teardown(() => server.stop());
  const redis = await openRedis({ url: server.url.split(','), log: silentLog(), service: 'test' });
  t.teardown(() => redis.close());
  for (const { file, open, of } of LIBRARIES) {
    for (const root of [before.root, ROOT, before.root]) {
      const opened = (await load(join(root, file)))[open] as ((on: unknown) => Promise<unknown>) | undefined;
      await t.notThrowsAsync(async () => opened?.(of(redis)), `${file}: give the library another name`);
    }
  }
});

async function migrationsIn(path: string): Promise<readonly Migration[]> {
  return (await load(path)).migrations as Migration[];
}

function load(path: string): Promise<Record<string, unknown>> {
  return import(pathToFileURL(path).href) as Promise<Record<string, unknown>>;
}

function narrows(statement: string): boolean {
  if (/^\s*CREATE\b/i.test(statement)) return false;
  const added = statement.split(/,\s*(?=ADD\b|DROP\b|MODIFY\b)/i).filter((part) => /\bADD\s+COLUMN\b/i.test(part));
  return NARROWS.some((pattern) => pattern.test(statement)) || added.some((part) => /\bNOT\s+NULL\b/i.test(part) && !/\b(DEFAULT|AS)\b/i.test(part));
}
