import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ConfigService, RollbackConfigRequestSchema, SetConfigRequestSchema } from '#gen/rail/config/v1/config_pb.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { rollBackConfig, setConfig, type ConfigHub } from '../app/config.ts';
import { isConfigKey } from '../app/config_keys.ts';
import type { ConfigEntry, ConfigStore } from '../app/ports.ts';
import { actorOf } from './actor.ts';
import { pageSizeOf } from './page.ts';

export function configService(hub: ConfigHub, store: ConfigStore): Implementation {
  return implement(ConfigService, {
    getConfig: ({ keys }) => {
      checkKeys(keys);
      return { entries: hub.get(keys).map(entryMessage) };
    },
    watchConfig: ({ keys }, call) => {
      checkKeys(keys);
      return changes(hub, keys, call);
    },
    async setConfig(request, call) {
      const { key, valueJson, baseVersion, comment, gray } = request;
      const wanted = {
        key, comment, value_json: valueJson, base_version: Number(baseVersion),
        gray: gray === undefined ? undefined : { percent: gray.percent, cities: gray.cities, channels: gray.channels, account_ids: gray.accountIds, value_json: gray.valueJson },
      };
      return { entry: entryMessage(unwrap(await setConfig(hub, store, wanted, actorOf(SetConfigRequestSchema, request, call)))) };
    },
    async listConfigVersions({ key, pageSize, pageToken }) {
      checkKeys([key]);
      const before = pageToken === '' ? undefined : Number(pageToken);
      if (before !== undefined && !Number.isSafeInteger(before)) throw RpcError.of({ reason: 'PAGE_TOKEN_INVALID' });
      const { items, next } = await store.versions(key, pageSizeOf(pageSize), before);
      return { entries: items.map(entryMessage), nextPageToken: next ?? '' };
    },
    async rollbackConfig(request, call) {
      const entry = unwrap(await rollBackConfig(hub, store, request.key, Number(request.version), actorOf(RollbackConfigRequestSchema, request, call)));
      return { entry: entryMessage(entry) };
    },
  });
}

/** What is set now, then each change; changes that come faster than a watcher reads are joined, newest wins. */
async function* changes(hub: ConfigHub, keys: readonly string[], call: Call) {
  const waiting = new Map<string, ConfigEntry>(hub.get(keys).map((entry) => [entry.key, entry]));
  let wake = (): void => undefined;
  const stop = unwrap(
    hub.watch((entries) => {
      for (const entry of entries) if (keys.length === 0 || keys.includes(entry.key)) waiting.set(entry.key, entry);
      wake();
    }),
  );
  call.signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!call.signal.aborted) {
      if (waiting.size > 0) {
        const entries = [...waiting.values()].map(entryMessage);
        waiting.clear();
        yield { entries };
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    stop();
  }
}

function checkKeys(keys: readonly string[]): void {
  const unknown = keys.find((key) => !isConfigKey(key));
  if (unknown !== undefined) throw RpcError.of({ reason: 'CONFIG_NOT_FOUND', metadata: { key: unknown.slice(0, 64) } });
}

function entryMessage(entry: ConfigEntry) {
  return {
    key: entry.key,
    valueJson: entry.value_json,
    version: BigInt(entry.version),
    updateTime: timestampFromMs(entry.update_time_ms),
    updatedBy: entry.updated_by,
    comment: entry.comment,
    gray: entry.gray === undefined ? undefined : { percent: entry.gray.percent, cities: entry.gray.cities, channels: entry.gray.channels, accountIds: entry.gray.account_ids, valueJson: entry.gray.value_json },
  };
}
