import test from 'ava';
import { handsOver, isHandedOver, maskRecipient, pauseAfter_ms, providersInOrder, recipientOf } from './delivery.ts';
import { SEED_TEMPLATES } from './seeds.ts';
import { checkProposal, placeholdersOf, render } from './template.ts';
import type { Template } from './template.ts';

const TEMPLATE: Template = { template_id: 'T', channel: 'SMS', version: 1n, state: 'ACTIVE', title_zh: '', body_zh: '您好 {name}，{order}', title_en: '', body_en: 'Hello {name}, {order}', author: 'system', reviewer: 'system' };

test('a template is filled in one pass and leaves out what it is not told', (t) => {
  t.is(render(TEMPLATE, 'zh', { name: '{order}', order: '7' }).body, '您好 {order}，7');
  t.is(render(TEMPLATE, 'en', { name: 'Ann' }).body, 'Hello Ann, ');
  t.is(render(TEMPLATE, 'en', Object.create({ name: 'inherited' }) as Record<string, string>).body, 'Hello , ');
});

test('a proposal keeps to the parameters that are filled in', (t) => {
  t.true(checkProposal({ ...TEMPLATE, body_zh: '{order}', body_en: '{name}' }, TEMPLATE).ok);
  t.false(checkProposal({ ...TEMPLATE, body_zh: '{secret}' }, TEMPLATE).ok);
  t.false(checkProposal({ ...TEMPLATE, body_en: ' ' }, TEMPLATE).ok);
  t.false(checkProposal({ ...TEMPLATE, body_en: 'x'.repeat(501) }, TEMPLATE).ok);
  t.true(checkProposal({ ...TEMPLATE, channel: 'EMAIL', body_en: 'x'.repeat(501) }, TEMPLATE).ok);
});

test('every wording speaks both languages, fits its channel and is in the inbox too', (t) => {
  for (const template of SEED_TEMPLATES) {
    t.true(checkProposal(template, template).ok, template.template_id);
    t.not(template.title_en, '');
    t.deepEqual(ownPlaceholders({ ...template, title_en: '', body_en: '' }, 'zh'), ownPlaceholders({ ...template, title_zh: '', body_zh: '' }, 'en'), template.template_id);
    t.true(SEED_TEMPLATES.some(({ template_id, channel }) => template_id === template.template_id && channel === 'INBOX'));
  }
});

test('the backup goes first while the circuit of the primary is open', (t) => {
  t.deepEqual(providersInOrder(() => false), ['primary', 'backup']);
  t.deepEqual(providersInOrder((provider) => provider === 'primary'), ['backup', 'primary']);
});

test('the backup sends what the primary could not deliver, once and while it is news', (t) => {
  const day_ms = 24 * 3_600_000;
  t.true(handsOver({ provider: 'primary', create_time_ms: 0 }, day_ms));
  t.false(handsOver({ provider: 'primary', create_time_ms: 0 }, day_ms + 1));
  t.true(handsOver({ provider: 'primary', create_time_ms: 0, revived_time_ms: 5 }, day_ms + 1), 'a new life is news again');
  t.false(handsOver({ provider: 'backup', create_time_ms: 0 }, 1), 'nobody is left');
  t.false(handsOver({ create_time_ms: 0 }, 1), 'nobody took it');
  t.true(isHandedOver({ state: 'PENDING', provider: 'primary' }));
  t.false(isHandedOver({ state: 'PENDING' }));
  t.false(isHandedOver({ state: 'SENT', provider: 'primary' }));
});

test('each channel has its own recipient, masked', (t) => {
  const contact = { phone: '13800138000', email: 'ann@example.com', push_token: 'token-of-a-device-1234', language: 'zh' as const };
  t.is(maskRecipient('SMS', recipientOf('SMS', contact)), '138****8000');
  t.is(maskRecipient('EMAIL', recipientOf('EMAIL', contact)), 'a***@example.com');
  t.is(maskRecipient('PUSH', recipientOf('PUSH', contact)), '****1234');
});

test('pauses double up to ten minutes', (t) => {
  t.deepEqual([1, 2, 3, 50].map((tries) => pauseAfter_ms(tries, 1000)), [1000, 2000, 4000, 600_000]);
});

/** What somebody else words in both languages has a name for each: `reason_zh` and `reason_en`. */
function ownPlaceholders(template: Parameters<typeof placeholdersOf>[0], language: 'zh' | 'en'): string[] {
  return placeholdersOf(template).map((name) => (name.endsWith(`_${language}`) ? name.slice(0, -3) : name)).toSorted();
}
