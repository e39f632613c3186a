import { generateKeyPairSync, sign } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { create, toBinary, toJsonString, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test, { type ExecutionContext } from 'ava';
import { GetGateKeyResponseSchema, GetRevocationsResponseSchema, GetVerificationKeysResponseSchema } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { fromBase64Url } from '#kit/base/bytes.ts';
import { gateKeyOf, holderTag } from '../services/ticketing/domain/holder.ts';
import { signToken } from '../services/ticketing/domain/token.ts';
import { verifyTickets } from './verify_ticket.ts';

const RUN = 'G1.20260115';
const NOW_MS = Date.parse('2026-01-15T01:00:00Z');
const ID_NUMBER = '11010519491231002X';
const AT = ['--at', '2026-01-15T09:00:00+08:00'];

/** What a gate has fetched from a service with one key, and a way to sign tickets with it. */
async function gate(t: ExecutionContext) {
  const dir = await mkdtemp(join(tmpdir(), 'chunyun-gate-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const keep = async (name: string, json: string) => (await writeFile(join(dir, name), json), join(dir, name));
  const gate_key = gateKeyOf(Buffer.alloc(32, 1), RUN);
  const keys = create(GetVerificationKeysResponseSchema, { keys: [{ keyId: 'k0001', publicKey: fromBase64Url(publicKey.export({ format: 'jwk' }).x!)!, notBefore: timestampFromMs(0) }] });
  return {
    keys: await keep('keys.json', toJsonString(GetVerificationKeysResponseSchema, keys, { useProtoFieldName: true })),
    gate_key: await keep('gate.json', toJsonString(GetGateKeyResponseSchema, create(GetGateKeyResponseSchema, { runId: RUN, key: gate_key }))),
    token(ticket_id: bigint, run_id = RUN) {
      const ride = { from_index: 0, seats: [{ place: '05-12A', to_index: 2 }, { place: '07-03F', to_index: 4 }], holder_tag: holderTag(gateKeyOf(Buffer.alloc(32, 1), run_id), ticket_id, ID_NUMBER) };
      return signToken({ ticket_id, version: 1n, not_after_ms: NOW_MS + 3_600_000, run_id, ride }, { kid: 'k0001', private_key: privateKey });
    },
    async revocations(name: string, fields: MessageInitShape<typeof GetRevocationsResponseSchema>, forge = (json: string) => json) {
      const set = create(GetRevocationsResponseSchema, { runId: RUN, keyId: 'k0001', asOf: timestampFromMs(NOW_MS - 60_000), freshUntil: timestampFromMs(NOW_MS + 60_000), ...fields });
      const signed = { ...set, signature: sign(null, toBinary(GetRevocationsResponseSchema, set), privateKey) };
      return keep(name, forge(toJsonString(GetRevocationsResponseSchema, signed, { useProtoFieldName: true })));
    },
  };
}

async function judge(args: string[], tokens: string[] = []): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const code = await verifyTickets(args, { tokens: async () => tokens, print: (line) => lines.push(line) });
  return { code, lines };
}

test('each verdict has its exit code, and says why', async (t) => {
  const { keys, gate_key, token, revocations } = await gate(t);
  const fresh = await revocations('fresh.json', { revoked: [{ ticketId: '8', version: 1n }] });
  const stale = await revocations('stale.json', { freshUntil: timestampFromMs(NOW_MS - 1) });
  const base = ['--keys', keys, ...AT, '--json'];
  const cases: [args: string[], code: number, expected: object][] = [
    [['--token', token(7n), '--revocations', fresh], 0, { valid: true, currency: 'CURRENT', holder: 'NOT_CHECKED' }],
    [['--token', token(7n), '--revocations', fresh, '--gate-key', gate_key, '--id', ID_NUMBER], 0, { valid: true, holder: 'MATCHES' }],
    [['--token', token(7n), '--revocations', fresh, '--gate-key', gate_key, '--id', '110105194912310021'], 1, { valid: false, reason: 'OTHER_HOLDER' }],
    [['--token', token(8n), '--revocations', fresh], 1, { valid: false, reason: 'REVOKED' }],
    [['--token', token(7n)], 3, { valid: true, currency: 'UNKNOWN' }],
    [['--token', token(7n), '--revocations', stale], 3, { valid: true, currency: 'STALE' }],
    [['--token', token(7n, 'G2.20260115'), '--revocations', fresh], 3, { valid: true, currency: 'UNKNOWN' }],
    [['--token', token(7n, 'G2.20260115'), '--run', RUN], 1, { valid: false, reason: 'OTHER_RUN' }],
    [['--token', `${token(7n).slice(0, -4)}AAAA`], 1, { valid: false }],
    [['--token', token(7n), '--at', '2026-01-15T11:00:00+08:00'], 1, { valid: false, reason: 'EXPIRED' }],
  ];
  for (const [args, code, expected] of cases) {
    const judged = await judge([...base, ...args]);
    t.is(judged.code, code, JSON.stringify(args));
    t.like(JSON.parse(judged.lines[0]!), expected, JSON.stringify(args));
  }
  const people = await judge(['--keys', keys, ...AT, '--revocations', fresh], [token(7n), token(8n)]);
  t.is(people.code, 1, 'of several the worst');
  t.regex(people.lines[0]!, /7.*G1\.20260115.*0–2.*05-12A.*2–4.*07-03F/);
  t.is(people.lines.length, 2);
});

test('revocations that nobody signed are believed by nobody', async (t) => {
  const { keys, token, revocations } = await gate(t);
  const forged = await revocations('forged.json', { revoked: [{ ticketId: '7', version: 1n }] }, (json) => json.replace('"revoked":[{"ticket_id":"7"', '"revoked":[{"ticket_id":"9"'));
  await t.throwsAsync(judge(['--keys', keys, '--revocations', forged, '--token', token(7n)]), { name: 'Told' });
  const later = await revocations('later.json', {}, (json) => json.replace(/"fresh_until":"[^"]*"/, '"fresh_until":"2030-01-01T00:00:00Z"'));
  await t.throwsAsync(judge(['--keys', keys, '--revocations', later, '--token', token(7n)]), { name: 'Told' });
});

test('as a command: tickets by line, and an exit code that no ticket causes when nothing was judged', async (t) => {
  const { keys, token } = await gate(t);
  const run = async (args: string[], input: string) => {
    const child = spawn(process.execPath, [new URL('verify_ticket.ts', import.meta.url).pathname, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LANG: 'zh_CN.UTF-8', LC_ALL: '' } });
    child.stdin.end(input);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve))), out, err };
  };
  const judged = await run(['--keys', keys, ...AT], `${token(7n)}\n\n${token(8n)}\n`);
  t.is(judged.code, 3);
  t.is(judged.out.trim().split('\n').length, 2);
  t.true(judged.out.includes('请联网核验'));
  t.is((await run(['--keys', join(tmpdir(), 'nowhere.json')], token(7n))).code, 2);
  t.is((await run(['--help'], '')).code, 0);
  t.is((await run(['--nonsense'], '')).code, 2);
  t.is((await run(['--keys', keys, '--id', '1', '--token', token(7n)], '')).code, 2);
});
