// Providers of short messages, e-mail and push, a primary and a backup of each.
//
//   POST /v1/{sms|email|push}/{primary|backup}/messages {message_id, recipient, title, body, receipt_url?} → {provider_ref, state}
//        or {messages: [{message_id, recipient, title, body}], receipt_url?} → {results: [{message_id, provider_ref, state} or {message_id, error}]}
//   GET  /v1/{channel}/{provider}/messages/{provider_ref} → {provider_ref, state: ACCEPTED | DELIVERED | FAILED}
//   GET  /  and  GET /inbox?recipient=…   what arrived, for people and for tests
//
// A receipt {message_id, provider_ref, state} is sent to receipt_url until it is taken, also after a restart; several that are
// due at one moment go together as {receipts: […]}, answered by {results: […]}. Knobs besides those of all sandboxes:
// `receipt_delay` (delay_ms), `receipt_failed`, `message_refused`, `one_by_one`, and on the path of receipt_url those of callbacks.
import { z } from 'zod';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { port, readConfig } from '#kit/run/config.ts';
import { runMain } from '#kit/run/lifecycle.ts';
import { escapeHtml, page } from '../shared/html.ts';
import { Refusal } from '../shared/route.ts';
import type { Route, SandboxAnswer, SandboxRequest } from '../shared/route.ts';
import { SANDBOX_CONFIG, startSandbox } from '../shared/sandbox.ts';
import type { Sandbox, SandboxParts } from '../shared/sandbox.ts';
import { CHANNELS, Outbox, PROVIDERS } from './outbox.ts';
import type { SentMessage } from './outbox.ts';
import { openReceipts } from './receipts.ts';

export const configSchema = z.object({ ...SANDBOX_CONFIG, messaging_http_port: port.default(0) });

export function start(config: z.output<typeof configSchema>, { clock = systemClock }: { clock?: Clock } = {}): Promise<Sandbox> {
  return startSandbox('messaging', config.messaging_http_port, config, (parts) => build(parts, clock), { clock });
}

async function build(parts: SandboxParts, clock: Clock): Promise<Route[]> {
  const { faults, openJournal } = parts;
  const outbox = new Outbox(clock);
  const journal = await openJournal<SentMessage>((message) => outbox.put(message));
  const keep = async (message: SentMessage): Promise<void> => {
    outbox.put(message);
    await journal.append(message);
  };
  const receipts = openReceipts(parts, (message) => keep({ ...message, reported: true }));
  // What was not taken before a restart is reported now.
  for (const message of outbox.unreported()) receipts.report(message);

  /** Undefined for one that it refuses. */
  async function take(path: string, asked: z.output<typeof WHERE> & z.output<typeof WHAT>): Promise<SentMessage | undefined> {
    const known = outbox.known(asked);
    if (known !== undefined) return known;
    if (faults.take(path, 'message_refused') !== undefined) return undefined;
    const now_ms = clock.now_ms();
    const message: SentMessage = {
      ...asked,
      provider_ref: outbox.nextRef(asked.channel, asked.provider),
      take_time_ms: now_ms,
      receipt_time_ms: now_ms + (faults.take(path, 'receipt_delay')?.delay_ms ?? 0),
      outcome: faults.take(path, 'receipt_failed') === undefined ? 'DELIVERED' : 'FAILED',
    };
    await keep(message);
    receipts.report(message);
    return message;
  }

  async function takeAll({ params, path, json }: SandboxRequest): Promise<SandboxAnswer> {
    const where = WHERE.safeParse(params);
    const what = z.union([MANY, WHAT]).safeParse(json);
    if (!where.success || !what.success) throw new Refusal(400, 'FIELD_INVALID');
    if (!('messages' in what.data)) {
      const taken = await take(path, { ...where.data, ...what.data });
      if (taken === undefined) throw new Refusal(409, 'MESSAGE_REFUSED');
      return { json: acknowledgement(taken) };
    }
    if (faults.take(path, 'one_by_one') !== undefined) throw new Refusal(400, 'ONE_BY_ONE');
    const { messages, receipt_url } = what.data;
    // Each by itself: a bad one is refused and the others are taken.
    const results = await Promise.all(messages.map(async (message) => {
      const one = WHAT.safeParse({ ...message, receipt_url });
      if (!one.success) return { message_id: message.message_id, error: 'FIELD_INVALID' };
      const taken = await take(path, { ...where.data, ...one.data });
      return { message_id: message.message_id, ...(taken === undefined ? { error: 'MESSAGE_REFUSED' } : acknowledgement(taken)) };
    }));
    return { json: { results } };
  }

  return [
    { method: 'POST', path: '/v1/:channel/:provider/messages', signed: true, handle: takeAll },
    {
      method: 'GET',
      path: '/v1/:channel/:provider/messages/:provider_ref',
      signed: true,
      handle({ params }) {
        const message = outbox.byRef(params.provider_ref ?? '');
        if (message === undefined) throw new Refusal(404, 'MESSAGE_UNKNOWN');
        return { json: { provider_ref: message.provider_ref, state: outbox.stateOf(message) } };
      },
    },
    { method: 'GET', path: '/inbox', signed: false, handle: ({ query }) => ({ json: { messages: outbox.list(query.get('recipient') ?? undefined, LIST_LIMIT) } }) },
    { method: 'GET', path: '/', signed: false, handle: ({ query }) => ({ html: inboxPage(outbox.list(query.get('recipient') ?? undefined, LIST_LIMIT)) }) },
  ];
}

function acknowledgement({ provider_ref }: SentMessage) {
  return { provider_ref, state: 'ACCEPTED' };
}

function inboxPage(messages: readonly SentMessage[]): string {
  const rows = messages.map((message) => {
    const cells = [new Date(message.take_time_ms).toISOString(), `${message.channel} (${message.provider})`, message.recipient, message.title, message.body];
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  const head = ['Time', 'Channel', 'To', 'Title', 'Text'].map((cell) => `<th>${cell}</th>`).join('');
  return page('Messages 消息', rows.length === 0 ? '<p>Nothing was sent yet. 暂无消息</p>' : `<table><tr>${head}</tr>${rows.join('')}</table>`);
}

const WHERE = z.object({ channel: z.enum(CHANNELS), provider: z.enum(PROVIDERS) });
const WHAT = z.object({ message_id: z.string().min(1).max(64), recipient: z.string().min(1).max(300), title: z.string().max(300).default(''), body: z.string().min(1).max(5000), receipt_url: z.url().optional() });
/** Of one request. */
const MESSAGES_MAX = 500;
const MANY = z.object({ messages: z.array(z.looseObject({ message_id: z.string().min(1).max(64) })).min(1).max(MESSAGES_MAX), receipt_url: z.url().optional() });
const LIST_LIMIT = 200;

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
