import test from 'ava';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { z } from 'zod';
import { ConfigEntrySchema, WatchConfigResponseSchema, type WatchConfigResponse } from '#gen/rail/config/v1/config_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { registry } from '#kit/telemetry/metrics.ts';
import { watchSettings, type ConfigClient } from './watch.ts';

type Entry = Extract<MessageInitShape<typeof ConfigEntrySchema>, { $typeName?: never }>;

/** One opened stream in the hands of the test. */
class Stream {
  readonly keys: readonly string[];
  readonly #waiting: (WatchConfigResponse | Error)[] = [];
  #wake = (): void => undefined;

  constructor(keys: readonly string[], signal: AbortSignal) {
    this.keys = keys;
    signal.addEventListener('abort', () => this.fail(new RpcError('cancelled', { code: 'CANCELLED' })), { once: true });
  }

  say(...entries: Entry[]): void {
    this.#put(create(WatchConfigResponseSchema, { entries }));
  }

  fail(error: Error): void {
    this.#put(error);
  }

  #put(next: WatchConfigResponse | Error): void {
    this.#waiting.push(next);
    this.#wake();
  }

  async *read(): AsyncGenerator<WatchConfigResponse> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next instanceof Error) throw next;
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A configuration service whose streams the test plays; `next` waits for one to be opened. */
function fakeConfig() {
  const opened: Stream[] = [];
  let wake = (): void => undefined;
  const client = {
    watchConfig({ keys }: { keys: string[] }, { signal }: { signal: AbortSignal }) {
      const stream = new Stream(keys, signal);
      opened.push(stream);
      wake();
      return stream.read();
    },
  } as unknown as ConfigClient;
  const next = async (): Promise<Stream> => {
    while (opened.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return opened.shift()!;
  };
  return { client, next, opened };
}

const KEYS = { window_ms: { shape: z.number().int().min(1), value: 600 }, channels: { shape: z.array(z.string()).min(1), value: ['alipay'] } };
const entry = (key: string, version: number, value: unknown, more: Entry = {}): Entry => ({ key, version: BigInt(version), valueJson: JSON.stringify(value), ...more });
const away = () => new RpcError('not there', { code: 'UNAVAILABLE' });

function watch(service: string, client: ConfigClient, keys = KEYS as { [K in keyof typeof KEYS]: (typeof KEYS)[K] & { fixed?: (typeof KEYS)[K]['value'] } }) {
  return watchSettings({ client, service, keys, log: silentLog(), retry_ms: 1 });
}

/** Looks until it is so; ava's own time limit ends it. */
async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setImmediate(resolve));
}

test('values are there at once, then what is set, and what was known while the service is away', async (t) => {
  const config = fakeConfig();
  const settings = watch('watch-a', config.client);
  t.is(settings.get('window_ms'), 600);
  (await config.next()).fail(away());
  const first = await config.next();
  t.deepEqual(first.keys, ['window_ms', 'channels']);
  first.say(entry('window_ms', 1, 300), entry('channels', 0, ['wechat']));
  await until(() => settings.get('window_ms') === 300);
  t.deepEqual(settings.get('channels'), ['wechat'], 'also what nobody has set yet is the service’s to say');
  first.say(entry('window_ms', 2, 200));
  await until(() => settings.get('window_ms') === 200);
  first.fail(away());
  (await config.next()).fail(away());
  const again = await config.next();
  t.is(settings.get('window_ms'), 200);
  again.say(entry('window_ms', 7, 100));
  await until(() => settings.get('window_ms') === 100);
  t.regex(await registry.metrics(), /settings_version\{service="watch-a",key="window_ms"\} 7\n/);
  t.regex(await registry.metrics(), /settings_watching\{service="watch-a"\} 1\n/);
  await settings.stop();
  t.is(settings.get('window_ms'), 100);
  t.regex(await registry.metrics(), /settings_watching\{service="watch-a"\} 0\n/);
});

test('a value that can not be used changes nothing, and the other settings go on', async (t) => {
  const config = fakeConfig();
  const settings = watch('watch-b', config.client);
  const stream = await config.next();
  stream.say(entry('window_ms', 1, 300), entry('channels', 1, ['a']));
  await until(() => settings.get('window_ms') === 300);
  const gray = { percent: 100, valueJson: '"soon"' };
  const bad = [entry('window_ms', 2, 'soon'), entry('window_ms', 3, 0), { ...entry('window_ms', 4, 1), valueJson: '{' }, entry('window_ms', 5, 250, { gray })];
  stream.say(...bad, entry('channels', 2, ['b']), entry('unheard_of', 1, 1));
  await until(() => settings.get('channels')[0] === 'b');
  t.is(settings.get('window_ms', { account_id: '1' }), 300, 'nor does a version whose gray value is wrong');
  const metrics = await registry.metrics();
  t.regex(metrics, /settings_refused_total\{service="watch-b",key="window_ms"\} 4\n/);
  t.regex(metrics, /settings_version\{service="watch-b",key="window_ms"\} 1\n/);
  await settings.stop();
});

test('what the environment fixes stays, and nothing is asked for it', async (t) => {
  const config = fakeConfig();
  const settings = watch('watch-c', config.client, { ...KEYS, window_ms: { ...KEYS.window_ms, fixed: 15 } });
  const stream = await config.next();
  t.deepEqual(stream.keys, ['channels']);
  stream.say(entry('window_ms', 9, 300), entry('channels', 1, ['b']));
  await until(() => settings.get('channels')[0] === 'b');
  t.is(settings.get('window_ms'), 15);
  await settings.stop();
  const all = watch('watch-c', config.client, { window_ms: { ...KEYS.window_ms, fixed: 15 }, channels: { ...KEYS.channels, fixed: ['c'] } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(config.opened.length, 0, 'no keys would mean all');
  await all.stop();
});

test('within a stream nothing old comes back; a new stream may say that the versions were set back', async (t) => {
  const config = fakeConfig();
  const settings = watch('watch-d', config.client);
  const stream = await config.next();
  stream.say(entry('window_ms', 5, 500));
  await until(() => settings.get('window_ms') === 500);
  stream.say(entry('window_ms', 4, 400), entry('channels', 1, ['b']));
  await until(() => settings.get('channels')[0] === 'b');
  t.is(settings.get('window_ms'), 500);
  stream.fail(away());
  (await config.next()).say(entry('window_ms', 1, 111));
  await until(() => settings.get('window_ms') === 111);
  t.pass();
  await settings.stop();
});

test('a key that the service does not know keeps nobody from hearing of the others, and is asked for again', async (t) => {
  const config = fakeConfig();
  const settings = watch('watch-e', config.client);
  (await config.next()).fail(RpcError.of({ reason: 'CONFIG_NOT_FOUND', metadata: { key: 'window_ms' } }));
  const rest = await config.next();
  t.deepEqual(rest.keys, ['channels']);
  rest.say(entry('channels', 1, ['b']));
  await until(() => settings.get('channels')[0] === 'b');
  t.is(settings.get('window_ms'), 600);
  rest.fail(away());
  t.deepEqual((await config.next()).keys, ['window_ms', 'channels']);
  await settings.stop();
});

test('a gray value is for those whom its rule chooses, and for nobody when nobody is named', async (t) => {
  const config = fakeConfig();
  const settings = watch('watch-f', config.client);
  const gray = { percent: 0, cities: ['北京'], channels: ['app'], accountIds: ['42'], valueJson: '60' };
  const stream = await config.next();
  stream.say(entry('window_ms', 1, 300, { gray }));
  await until(() => settings.get('window_ms') === 300);
  t.is(settings.get('window_ms', { account_id: '42' }), 60);
  t.is(settings.get('window_ms', { account_id: '43' }), 300);
  t.is(settings.get('window_ms', { account_id: '43', city: '北京' }), 60);
  t.is(settings.get('window_ms', { account_id: '43', city: '上海', channel: 'app' }), 60);
  t.is(settings.get('window_ms', {}), 300);
  stream.say(entry('window_ms', 2, 300));
  await until(() => settings.get('window_ms', { account_id: '42' }) === 300);
  await settings.stop();
});

test('the first stream is opened at once', async (t) => {
  const config = fakeConfig();
  const settings = watchSettings({ client: config.client, service: 'watch-h', keys: KEYS, log: silentLog(), retry_ms: 3_600_000 });
  t.deepEqual((await config.next()).keys, ['window_ms', 'channels']);
  await settings.stop();
});

test('without an address the values stay what they are', async (t) => {
  const settings = watchSettings({ address: undefined, caller_key: undefined, service: 'watch-g', keys: KEYS, log: silentLog() });
  t.is(settings.get('window_ms'), 600);
  t.throws(() => settings.get('other' as 'window_ms'));
  await settings.stop();
});
