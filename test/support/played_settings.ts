// Risk and its settings, played: every submission is allowed, and a test sets what operators set.
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { Decision, RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { fail } from '#kit/base/result.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { silentLog } from '#kit/telemetry/log.ts';

export type PlayedSettings = { address: string; set(key: string, value: unknown): void; stop(): Promise<void> };

export async function playSettings(caller_key: Uint8Array): Promise<PlayedSettings> {
  const values = new Map<string, { json: string; version: bigint }>();
  let changed = Promise.withResolvers<void>();
  const refuse = () => unwrap<never>(fail('NOT_IMPLEMENTED'));
  const missing = (methods: readonly { localName: string }[]) => Object.fromEntries(methods.map(({ localName }) => [localName, refuse]));
  const config = {
    ...missing(ConfigService.methods),
    async *watchConfig({ keys }: { keys: string[] }, { signal }: { signal: AbortSignal }) {
      const ended = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      while (!signal.aborted) {
        const next = changed.promise;
        yield { entries: keys.flatMap((key) => (values.has(key) ? [{ key, valueJson: values.get(key)!.json, version: values.get(key)!.version }] : [])) };
        await Promise.race([next, ended]);
      }
    },
  };
  const risk = { ...missing(RiskService.methods), assess: () => ({ decision: Decision.ALLOW }) };
  const implementations = [implement(ConfigService, config as unknown as Handlers<typeof ConfigService>), implement(RiskService, risk as unknown as Handlers<typeof RiskService>)];
  const server = await startServer({ service: 'risk', implementations, auth: { caller_keys: [caller_key] }, log: silentLog() });
  return {
    address: server.address,
    stop: () => server.stop(),
    set(key, value) {
      values.set(key, { json: JSON.stringify(value), version: (values.get(key)?.version ?? 0n) + 1n });
      changed.resolve();
      changed = Promise.withResolvers();
    },
  };
}
