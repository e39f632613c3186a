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
  template_version: bigint;
  state: DeliveryState;
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
  version: bigint;
};

/** Rounds over both providers before a delivery counts as failed: about half an hour. */
export const SEND_ROUNDS = 8;
/** News of a train that has left is none. */
export const DELIVERY_LIFE_MS = 24 * 3_600_000;
/** How often the provider is asked whether a message arrived. */
export const RECEIPT_TRIES = 8;
const LONGEST_WAIT_MS = 10 * 60_000;

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
