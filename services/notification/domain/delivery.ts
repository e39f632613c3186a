import { maskEmail, maskPhone, maskTail } from '#kit/base/mask.ts';
import type { Language, MessageChannel } from './template.ts';

export type DeliveryState = 'PENDING' | 'SENT' | 'DELIVERED' | 'FAILED';
export const PROVIDERS = ['primary', 'backup'] as const;
export type Provider = (typeof PROVIDERS)[number];
/** Channels that leave the house; the inbox is ours. */
export type OutsideChannel = Exclude<MessageChannel, 'INBOX'>;

export type Contact = { phone: string; email: string; push_token: string; language: Language };

/** A message on its way over one channel. */
export type Delivery = {
  delivery_id: bigint;
  message_id: bigint;
  account_id: bigint;
  order_id: string;
  channel: MessageChannel;
  /** The wording, with its version. */
  template_id: string;
  template_version: bigint;
  state: DeliveryState;
  /** Who took it. While it is PENDING: who took it and could not deliver it. */
  provider?: Provider;
  provider_ref?: string;
  recipient_masked: string;
  /** Rounds of sending. */
  tries: number;
  receipt_tries: number;
  last_error: string;
  create_time_ms: number;
  sent_time_ms?: number;
  delivered_time_ms?: number;
  /** How often people had it tried anew after it had failed for good, and when last. */
  revivals: number;
  revived_time_ms?: number;
  version: bigint;
};

/** Rounds over both providers before a delivery counts as failed: about half an hour. */
export const SEND_ROUNDS = 8;
/** News of a train that has left is none. */
const DELIVERY_LIFE_MS = 24 * 3_600_000;
/** How often the provider is asked whether a message arrived. */
export const RECEIPT_TRIES = 8;
const LONGEST_WAIT_MS = 10 * 60_000;

/** A failure that a later try could still make good: everything but an address that nobody gave. */
export function isDeadLetter({ state, last_error }: Pick<Delivery, 'state' | 'last_error'>): boolean {
  return state === 'FAILED' && last_error !== NO_RECIPIENT;
}

/** Who gave no address on a channel was never to be reached over it. */
export const NO_RECIPIENT = 'NO_RECIPIENT';

/** How long a delivery that was just written belongs to its writer, who sends it at once; after that it is anybody's. */
export const CLAIM_MS = 30_000;
/** What has waited so long since its writing is not begun any more, and what was begun ends within SEND_MS: both before the claim does. */
export const FRESH_MS = 5000;
export const SEND_MS = 20_000;

/** The number under which providers take it once. A new life has a new one, else they would repeat their first answer. */
export function sendIdOf({ delivery_id, revivals }: Pick<Delivery, 'delivery_id' | 'revivals'>): string {
  return revivals === 0 ? String(delivery_id) : `${delivery_id}-${revivals}`;
}

/** The delivery that a send id names; undefined for one that is none of ours. */
export function deliveryOfSendId(send_id: string): bigint | undefined {
  const match = /^([1-9]\d{0,18})(?:-[1-9]\d{0,3})?$/.exec(send_id);
  return match === null ? undefined : BigInt(match[1]!);
}

export function isTooOld({ create_time_ms, revived_time_ms }: Pick<Delivery, 'create_time_ms' | 'revived_time_ms'>, now_ms: number): boolean {
  return now_ms - (revived_time_ms ?? create_time_ms) > DELIVERY_LIFE_MS;
}

/** Whether the backup is to send what a provider took and could not deliver: once, and while it is news. */
export function handsOver(delivery: Pick<Delivery, 'provider' | 'create_time_ms' | 'revived_time_ms'>, now_ms: number): boolean {
  return delivery.provider === 'primary' && !isTooOld(delivery, now_ms);
}

/** A delivery that one provider could not make and another one has not taken so far. */
export function isHandedOver({ state, provider }: Pick<Delivery, 'state' | 'provider'>): boolean {
  return state === 'PENDING' && provider !== undefined;
}

/** Channels that leave the house and find the person there. */
export function reaches(channel: MessageChannel, contact: Contact | undefined): channel is OutsideChannel {
  return channel !== 'INBOX' && contact !== undefined && recipientOf(channel, contact) !== '';
}

/** Where the channel finds the person; empty when it does not. */
export function recipientOf(channel: OutsideChannel, contact: Contact): string {
  if (channel === 'SMS') return contact.phone;
  return channel === 'EMAIL' ? contact.email : contact.push_token;
}

export function maskRecipient(channel: OutsideChannel, recipient: string): string {
  if (channel === 'SMS') return maskPhone(recipient);
  return channel === 'EMAIL' ? maskEmail(recipient) : maskTail(recipient);
}

/** Whom to ask in this round, in order: the backup stands in at once, and first while the primary's circuit is open. */
export function providersInOrder(open: (provider: Provider) => boolean): Provider[] {
  return open('primary') ? ['backup', 'primary'] : ['primary', 'backup'];
}

/** The pause after the n-th round or question, doubling up to ten minutes. */
export function pauseAfter_ms(tries: number, first_ms: number): number {
  return Math.min(LONGEST_WAIT_MS, first_ms * 2 ** Math.min(Math.max(tries, 1) - 1, 20));
}
