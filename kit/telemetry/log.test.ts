import test from 'ava';
import { createLog } from './log.ts';
import type { Log } from './log.ts';
import { startTracing, withSpan, activeTraceId } from './trace.ts';
import { FailureError } from '#kit/base/result.ts';

function capture(): { log: Log; last(): Record<string, unknown>; text(): string } {
  const lines: string[] = [];
  const log = createLog({ service: 'test', version: '1.2.3', level: 'debug', destination: { write: (line) => void lines.push(line) } });
  return { log, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown>, text: () => lines.join('') };
}

test('a line says when, how loud, who and which version', (t) => {
  const { log, last } = capture();
  log.info({ order_id: '7', seats: 3n }, 'placed');
  const { time, ...rest } = last();
  t.false(Number.isNaN(Date.parse(String(time))));
  t.deepEqual(rest, { level: 'info', service: 'test', version: '1.2.3', order_id: '7', seats: '3', message: 'placed' });
});

test('personal data and secrets never reach the output, in any spelling and at any depth', (t) => {
  const { log, text } = capture();
  const secret = 'S3CRET';
  const fields = ['name', 'passenger_name', 'realName', 'id_number', 'idNumber', 'ID-NUMBER', 'phone', 'mobile', 'contactPhone', 'email', 'token', 'queue_token', 'accessToken', 'refresh_token', 'password', 'new_password', 'authorization', 'Cookie', 'caller_key', 'privateKey', 'card_number', 'sql', 'parameters'];
  for (const field of fields) {
    log.info({ [field]: secret }, 'x');
    log.info({ request: { passengers: [{ [field]: { deep: [secret] } }] } }, 'x');
    log.child({}).warn({ map: new Map([['x', { [field]: secret }]]) }, 'x');
    t.false(text().includes(secret), field);
  }
  let deep: Record<string, unknown> = { value: secret };
  for (let level = 0; level < 20; level += 1) deep = { deep };
  log.info(deep, 'x');
  log.info({ bytes: Buffer.from(secret) }, 'x');
  t.false(text().includes(secret));
  t.false(text().includes(Buffer.from(secret).toString('base64')));
});

test('free text is scrubbed too: messages, errors, causes', (t) => {
  const { log, text } = capture();
  const id = '11010519491231002X';
  log.info(`checking ${id}`);
  log.info({}, 'call %s', '13812345678');
  log.info({ note: `for ${id}` }, 'x');
  log.error({ error: new Error(`duplicate entry '${id}'`, { cause: new Error(`row of 13812345678`) }) }, 'x');
  log.error({ error: new FailureError({ reason: 'PASSENGER_EXISTS', detail: id }) }, 'x');
  t.notRegex(text(), /19491231|12345678/);
  t.regex(text(), /PASSENGER_EXISTS/);
});

test('a line inside a span carries its trace', async (t) => {
  startTracing();
  const { log, last } = capture();
  await withSpan('work', {}, async () => {
    log.info({}, 'x');
    t.is(last().trace_id, activeTraceId());
    t.regex(String(last().span_id), /^[0-9a-f]{16}$/);
  });
  log.info({}, 'x');
  t.is(last().trace_id, undefined);
});
