// The contract of faults: what each kind does and where it may be set, the same words for every outside system.
import type { OutsideSystem } from '#kit/external/keys.ts';


export type FaultKind = {
  kind: string;
  /** The paths it strikes: those that we call, those that are called back, `/statements/{date}/{id}` for a row of a statement. */
  on: 'request' | 'callback' | 'statement';
  about_en: string;
  about_zh: string;
};

/** On any path that our services call. They work in every system. */
export const REQUEST_KINDS: readonly FaultKind[] = [
  { kind: 'delay', on: 'request', about_en: 'answers delay_ms later (default 1000)', about_zh: '延迟 delay_ms 毫秒后应答（默认 1000）' },
  { kind: 'fail', on: 'request', about_en: 'answers with status (default 500), nothing happens', about_zh: '以 status（默认 500）应答，不产生任何效果' },
  { kind: 'drop', on: 'request', about_en: 'cuts the connection, nothing happens', about_zh: '断开连接，不产生任何效果' },
  { kind: 'timeout_after_success', on: 'request', about_en: 'does it, then is silent for delay_ms (default 30000) and cuts the connection', about_zh: '已生效，但静默 delay_ms 毫秒（默认 30000）后断开连接' },
  { kind: 'bad_signature', on: 'request', about_en: 'does it and answers with a forged signature', about_zh: '已生效，但应答签名是伪造的' },
];

/** On the path that is called back, in systems that call back. */
export const CALLBACK_KINDS: readonly FaultKind[] = [
  { kind: 'delay', on: 'callback', about_en: 'calls back delay_ms later (default 2000)', about_zh: '延迟 delay_ms 毫秒后回调（默认 2000）' },
  { kind: 'drop', on: 'callback', about_en: 'this try is lost; the next comes as usual', about_zh: '本次回调丢失，之后照常重试' },
  { kind: 'bad_signature', on: 'callback', about_en: 'this try carries a forged signature', about_zh: '本次回调签名是伪造的' },
  { kind: 'duplicate_callback', on: 'callback', about_en: 'sent twice, with the same bytes and nonce', about_zh: '以相同内容和随机数重复发送两次' },
  { kind: 'reorder', on: 'callback', about_en: 'held back by delay_ms (default 2000), so that later ones overtake it', about_zh: '推迟 delay_ms 毫秒（默认 2000），使后来的回调先到' },
];

/** What only one system can do wrong. */
const OWN_KINDS: Readonly<Record<OutsideSystem, readonly FaultKind[]>> = {
  realname: [
    { kind: 'pending', on: 'request', about_en: 'says PENDING; the verdict is ready delay_ms later (default 5000)', about_zh: '返回 PENDING，delay_ms 毫秒（默认 5000）后才有结论' },
    { kind: 'reject', on: 'request', about_en: 'rejects whoever is asked about', about_zh: '一律核验不通过' },
  ],
  railway: [
    { kind: 'registration_refused', on: 'request', about_en: 'refuses to register the ticket (409), for good', about_zh: '拒绝登记车票（409），不可重试' },
    { kind: 'truncated_feed', on: 'request', about_en: 'sends half of a part of the timetable', about_zh: '时刻表分片只发送一半' },
    { kind: 'garbled_change', on: 'request', about_en: 'sends a change of a run that its checksum does not fit', about_zh: '发送与校验和不符的调度变更' },
  ],
  messaging: [
    { kind: 'receipt_delay', on: 'request', about_en: 'takes the message; its receipt is ready delay_ms later', about_zh: '接收消息，回执在 delay_ms 毫秒后产生' },
    { kind: 'receipt_failed', on: 'request', about_en: 'takes the message; its receipt says FAILED', about_zh: '接收消息，回执为 FAILED' },
    { kind: 'message_refused', on: 'request', about_en: 'refuses the message (409), for good; the others of its request are taken', about_zh: '拒收该条消息（409），不可重试；同一请求中的其他消息照常接收' },
    { kind: 'one_by_one', on: 'request', about_en: 'refuses several messages in one request (400), as a provider that takes them one by one', about_zh: '拒绝一次请求发送多条消息（400），如同只支持逐条发送的服务商' },
  ],
  gateway: [
    { kind: 'wrong_amount', on: 'callback', about_en: 'reports one fen less', about_zh: '上报金额少一分' },
    { kind: 'wrong_currency', on: 'callback', about_en: 'reports another currency', about_zh: '上报币种错误' },
    { kind: 'refund_refused', on: 'request', about_en: 'refuses the refund (409)', about_zh: '拒绝退款（409）' },
    { kind: 'refund_processing', on: 'request', about_en: 'takes the refund; it is done delay_ms later', about_zh: '受理退款，delay_ms 毫秒后完成' },
    { kind: 'statement_missing', on: 'statement', about_en: 'leaves the row out', about_zh: '缺少该行' },
    { kind: 'statement_double', on: 'statement', about_en: 'lists the row twice', about_zh: '该行重复' },
    { kind: 'statement_wrong_amount', on: 'statement', about_en: 'lists another amount', about_zh: '该行金额错误' },
    { kind: 'statement_stranger', on: 'statement', about_en: 'lists a row beside it that is none of ours', about_zh: '多出一行不属于我方的记录' },
  ],
};

const CALLING_BACK: readonly OutsideSystem[] = ['gateway', 'messaging'];

/** Every kind that a system knows. */
export function kindsOf(system: OutsideSystem): FaultKind[] {
  return [...REQUEST_KINDS, ...(CALLING_BACK.includes(system) ? CALLBACK_KINDS : []), ...OWN_KINDS[system]];
}
