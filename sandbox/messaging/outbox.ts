// What the messaging providers took, and whether it arrived.
import type { Clock } from '#kit/base/clock.ts';

export const CHANNELS = ['sms', 'email', 'push'] as const;
export const PROVIDERS = ['primary', 'backup'] as const;
export type Channel = (typeof CHANNELS)[number];
export type Provider = (typeof PROVIDERS)[number];

export type SentMessage = {
  /** The provider's own number. */
  provider_ref: string;
  /** The sender's: at one provider it is taken once. */
  message_id: string;
  channel: Channel;
  provider: Provider;
  recipient: string;
  title: string;
  body: string;
  take_time_ms: number;
  /** When the receipt says DELIVERED (or FAILED). */
  receipt_time_ms: number;
  outcome: 'DELIVERED' | 'FAILED';
  /** Where the receipt is reported to; who gives none has to ask. */
  receipt_url?: string;
  /** That it was taken there. */
  reported?: boolean;
};

export type ReceiptState = 'ACCEPTED' | 'DELIVERED' | 'FAILED';

/** Everything sent, in memory; the journal keeps it. */
export class Outbox {
  readonly #clock: Clock;
  readonly #by_ref = new Map<string, SentMessage>();
  readonly #by_id = new Map<string, SentMessage>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(message: SentMessage): void {
    this.#by_ref.set(message.provider_ref, message);
    this.#by_id.set(idOf(message), message);
  }

  /** What one provider took before under this number of the sender. */
  known(message: Pick<SentMessage, 'channel' | 'provider' | 'message_id'>): SentMessage | undefined {
    return this.#by_id.get(idOf(message));
  }

  /** Receipts that nobody took so far. */
  unreported(): SentMessage[] {
    return [...this.#by_ref.values()].filter(({ receipt_url, reported }) => receipt_url !== undefined && reported !== true);
  }

  byRef(provider_ref: string): SentMessage | undefined {
    return this.#by_ref.get(provider_ref);
  }

  nextRef(channel: Channel, provider: Provider): string {
    return `${channel}-${provider}-${this.#by_ref.size + 1}`;
  }

  stateOf(message: SentMessage): ReceiptState {
    return this.#clock.now_ms() >= message.receipt_time_ms ? message.outcome : 'ACCEPTED';
  }

  /** Newest first. */
  list(recipient: string | undefined, limit: number): SentMessage[] {
    const found: SentMessage[] = [];
    for (const message of [...this.#by_ref.values()].toReversed()) {
      if (recipient !== undefined && message.recipient !== recipient) continue;
      found.push(message);
      if (found.length >= limit) break;
    }
    return found;
  }
}

function idOf({ channel, provider, message_id }: Pick<SentMessage, 'channel' | 'provider' | 'message_id'>): string {
  return `${channel}/${provider}/${message_id}`;
}
