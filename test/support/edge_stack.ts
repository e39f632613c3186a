/** The whole product for one test file: every service, a small railway and the edge, in its own folder, on its own ports. */
import { createPrivateKey, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, type JWTPayload } from 'jose';
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createClient } from '#kit/rpc/client.ts';
import { accountClaims } from '#kit/rpc/token.ts';
import { quiet } from '../../scripts/say.ts';
import { importTimetable } from '../../scripts/stack/seed.ts';
import { startStack, type Stack, type StackOptions } from '../../scripts/stack/up.ts';
import { generateTimetable } from '../../timetable/generate/generate.ts';
import { writeGtfs } from '../../timetable/generate/write_gtfs.ts';

export type TestStackOptions = Partial<Omit<StackOptions, 'name' | 'feed' | 'seed'>> & {
  /** Share of the product's own network; 0.02 is about sixty trains. */
  feed_scale?: number;
  /** Days from today on whose runs are opened for sale. */
  sale_days?: number;
};

export type TestStack = Omit<Stack, 'stop'> & {
  /** First day of sale, and the one after the last that is sold here. */
  today: string;
  /** An access token as identity would sign it, for any account, or with claims and headers that identity would never write. */
  token(account?: TokenOptions): Promise<string>;
  /** For tests that ask more often than a person does: the limits at the edge and the pace that asks for a captcha. */
  liftLimits(): Promise<void>;
  /** Sets a key that nobody has set before. */
  setConfig(key: string, value: unknown): Promise<void>;
  /** Ends everything, and forgets it. */
  stop(): Promise<void>;
};

export type TokenOptions = { account_id?: string; device_id?: string; roles?: string[]; claims?: JWTPayload; header?: Record<string, string>; expires_in_s?: number };

const SCALE = 0.02;
const SALE_DAYS = 2;
const OPEN_TIMEOUT_MS = 120_000;

/** Opens in about ten seconds. Names and ports are this process's own; call `stop` in `test.after.always`. */
export async function startTestStack({ feed_scale = SCALE, sale_days = SALE_DAYS, ...options }: TestStackOptions = {}): Promise<TestStack> {
  const feed_folder = mkdtempSync(join(tmpdir(), 'chunyun-feed-'));
  const feed = join(feed_folder, 'feed.zip');
  writeFileSync(feed, await writeGtfs(generateTimetable({ seed: 1, scale: feed_scale })));
  const tell = options.tell ?? quiet;
  const signal = options.signal ?? new AbortController().signal;
  const stack = await startStack({
    name: `test-${process.pid}-${randomBytes(3).toString('hex')}`,
    reset: true, layout: 'one', redis_fsync: 'no', log_level: 'warn', services: 'all', edge: true, web: false, ...options, tell, signal, feed, seed: false,
  });
  const stop = async (): Promise<void> => {
    await stack.stop();
    for (const path of [stack.folder.path, stack.folder.lock, feed_folder]) rmSync(path, { recursive: true, force: true });
  };
  try {
    const today = serviceDateAt(systemClock.now_ms());
    await importTimetable({ env: stack.env, tell, signal });
    await openDays(stack.env, today, sale_days);
    return { ...stack, today, stop, token: (account) => signToken(stack.env, account), liftLimits: () => setConfig(stack.env, LIMITS, ENDLESS), setConfig: (key, value) => setConfig(stack.env, [key], value) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openDays(env: Record<string, string>, today: string, days: number): Promise<void> {
  const inventory = createClient(InventoryService, { service: 'ops', address: env.INVENTORY_ADDRESS!, caller_key: Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex') });
  try {
    for (let day = 0; day < days; day++) await inventory.openRuns({ requestId: newId(), serviceDate: addDays(today, day) }, { timeout_ms: OPEN_TIMEOUT_MS });
  } finally {
    inventory.close();
  }
}

async function setConfig(env: Record<string, string>, keys: readonly string[], value: unknown): Promise<void> {
  const config = createClient(ConfigService, { service: 'test', address: env.RISK_ADDRESS! });
  const metadata = { authorization: `Bearer ${await signToken(env, { roles: ['operator'] })}` };
  try {
    for (const key of keys) await config.setConfig({ requestId: newId(), key, valueJson: JSON.stringify(value), comment: 'test' }, { metadata });
  } finally {
    config.close();
  }
}

const ENDLESS = { per_s: 10_000, burst: 100_000 };
const LIMITS = ['limits.edge.account', 'limits.edge.device', 'limits.edge.remote_address', 'risk.pace.submit', 'risk.pace.login', 'risk.pace.register'];

/** A new request id. */
export function newId(): string {
  return uuid7(systemClock, systemRandom);
}

/** An access token that the key `jwt-k0001.pem` of SIGNING_KEYS_DIR has signed. */
export async function signToken(env: Record<string, string>, { account_id = newAccountId(), device_id = '', roles = ['traveller'], claims = {}, header = {}, expires_in_s = 900 }: TokenOptions = {}): Promise<string> {
  const key = createPrivateKey(readFileSync(join(env.SIGNING_KEYS_DIR!, 'jwt-k0001.pem')));
  const now_s = Math.floor(systemClock.now_ms() / 1000);
  const account = { kind: 'account', account_id, tenant: 'rail', channel: 'web', device_id, session_id: newId(), roles, member_level: 0 } as const;
  return new SignJWT({ ...accountClaims(account), iss: env.JWT_ISSUER!, aud: env.JWT_AUDIENCE!, iat: now_s, exp: now_s + expires_in_s, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k0001', typ: 'JWT', ...header })
    .sign(key);
}

/** Nobody's, and different each time. */
export function newAccountId(): string {
  return String(900_000_000_000_000_000n + BigInt(`0x${randomBytes(6).toString('hex')}`));
}
