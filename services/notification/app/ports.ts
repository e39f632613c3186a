// What the use cases need from the outside: implemented by store/, by clients in rpc/, and joined in main.ts.
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import type { Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Contact, Delivery, OutsideChannel, Provider } from '../domain/delivery.ts';
import type { MessageChannel, Parameters, Rendered, Template } from '../domain/template.ts';

export type Deps = {
  store: NotificationStore;
  ids: { next(gene: number): bigint };
  contacts: Contacts;
  messaging: Messaging;
  templates: Templates;
  clock: Clock;
  random: Random;
  log: Log;
  /** First pause after a round in which no provider took a message. */
  retry_ms: number;
  /** First pause before a provider is asked whether a message arrived. */
  receipt_ms: number;
  deadLetters: DeadLetters;
  meters: Meters;
  /** Tells the worker that something is due. */
  wake: () => void;
  /** Moves a delivery on, in one transaction with other moves of the same moment; undefined when there is none by that id. */
  move: (move: Move) => Promise<Moved | undefined>;
  /** Sends what was just written without asking the database for it. What gets lost here is sent when its claim runs out. */
  sendSoon: (jobs: readonly Job[]) => void;
};

/** A delivery to send and everything that takes; addresses are nowhere but in memory. */
export type Job = { delivery: Delivery; channel: OutsideChannel; parameters: Parameters; template: Template; /** Undefined for an account that is not there. */ contact: Contact | undefined };

/** `decide` sees the delivery as it is, locked; nothing changes when it answers nothing. It may be asked again, so it only decides. */
export type Move = { delivery_id: bigint; decide: (delivery: Delivery) => DeliveryChange | undefined };
/** The same twice where nothing changed. */
export type Moved = { before: Delivery; after: Delivery };

export type Actor = { account_id: string; service: string; device_id: string; ip: string };
export const SYSTEM: Actor = { account_id: '', service: 'notification', device_id: '', ip: '' };

export type NotificationStore = {
  /** One transaction: committed when the result is ok, undone when it is a Failure. */
  write<T>(actor: Actor, fn: (unit: Unit) => Promise<Result<T>>): Promise<Result<T>>;
  record<T>(actor: Actor, fn: (unit: Unit) => Promise<T>): Promise<T>;
};

export type Unit = {
  templates: TemplateRows;
  messages: MessageRows;
  deliveries: DeliveryRows;
  audit(...notes: AuditNote[]): Promise<void>;
  once(key: { account_id: string; request_id: string; method: string; fingerprint: readonly string[] }, run: () => Promise<Result<string>>): Promise<Result<{ answer: string; replayed: boolean }>>;
  /** Publishes what became of messages with this transaction. */
  announce(told: readonly Delivered[]): Promise<void>;
};

export type AuditNote = { operation: string; target: string; result: string; request_id?: string; version?: bigint };

export type Delivered = { message_id: bigint; account_id: bigint; channel: MessageChannel; state: 'SENT' | 'DELIVERED' | 'FAILED'; order_id: string; template_id: string; version: bigint; time_ms: number };

export type StoredMessage = {
  message_id: bigint;
  message_key: string;
  account_id: bigint;
  template_id: string;
  order_id: string;
  parameters: Parameters;
  /** As the inbox shows it; absent when the template has no inbox form. */
  inbox?: { zh: Rendered; en: Rendered };
  create_time_ms: number;
  read: boolean;
};

export type MessageRows = {
  /** Writes those whose keys are new; who has which key now, these or others. */
  put(messages: readonly StoredMessage[]): Promise<Pick<StoredMessage, 'message_key' | 'message_id' | 'account_id' | 'template_id'>[]>;
  /** Of the account's inbox, newest first, older than `before`. */
  page(account_id: bigint, before: bigint | undefined, limit: number): Promise<StoredMessage[]>;
  unread(account_id: bigint): Promise<number>;
  /** All of the account where no ids are given. */
  markRead(account_id: bigint, message_ids: readonly bigint[], now_ms: number): Promise<void>;
  /** The account that earlier messages of an order went to. */
  accountOfOrder(order_id: string): Promise<bigint | undefined>;
};

export type DeliveryChange = Partial<Pick<Delivery, 'state' | 'provider' | 'provider_ref' | 'recipient_masked' | 'tries' | 'receipt_tries' | 'last_error' | 'sent_time_ms' | 'delivered_time_ms' | 'revivals' | 'revived_time_ms'>> & {
  /** When the worker looks again; null: never. */
  wait_ms: number | null;
};

export type DeliveryRow = { delivery: Delivery; wait_ms: number | null };

export type DeliveryRows = {
  insert(rows: readonly DeliveryRow[]): Promise<void>;
  /** Locked until the end of the transaction; those that are not there are left out. */
  lock(delivery_ids: readonly bigint[]): Promise<Delivery[]>;
  /** Of deliveries that this transaction has locked. */
  write(rows: readonly DeliveryRow[]): Promise<void>;
  /** With what their messages say. */
  withParameters(delivery_ids: readonly bigint[]): Promise<{ delivery: Delivery; parameters: Parameters }[]>;
  versions(delivery_ids: readonly bigint[]): Promise<ReadonlyMap<bigint, bigint>>;
  page(of: { order_id?: string; account_id?: bigint }, before: bigint | undefined, limit: number): Promise<Delivery[]>;
  /** What became of those written from `from_ms` to before `to_ms`. */
  rates(from_ms: number, to_ms: number): Promise<DayRate[]>;
};

/** Deliveries of one day on one channel over one provider; people without an address are not among them. */
export type DayRate = { /** `YYYY-MM-DD` in Asia/Shanghai. */ date: string; channel: MessageChannel; provider: string; pending: number; sent: number; delivered: number; failed: number; /** Of those delivered, from the event to the receipt. */ mean_delay_ms: number };

export type DeadLetters = {
  /** Puts a delivery that failed for good where operators find it and can have it tried anew. Repeating is harmless. */
  bury(delivery: Delivery): Promise<void>;
};

export type Meters = {
  /** A delivery reached a state; `delay_ms` since the event for those delivered. HANDED_OVER: this provider took it and could not deliver it. */
  reached(channel: MessageChannel, provider: string, state: 'SENT' | 'HANDED_OVER' | 'DELIVERED' | 'FAILED', delay_ms: number | undefined): void;
};

export type TemplateKey = Pick<Template, 'template_id' | 'channel' | 'version'>;

/** Wordings in memory. A version never changes; which one is used may be known a second late, and at once where it was reviewed. */
export type Templates = {
  activeOf(template_id: string): Promise<Template[]>;
  version(key: TemplateKey): Promise<Template | undefined>;
  reviewed(): void;
};

export type TemplateRows = {
  active(): Promise<Template[]>;
  activeOf(template_id: string): Promise<Template[]>;
  version(key: TemplateKey): Promise<Template | undefined>;
  /** The number of the newest version, locked until the end of the transaction; 0 when there is none. */
  newest(template_id: string, channel: MessageChannel): Promise<bigint>;
  insert(template: Template, now_ms: number): Promise<void>;
  /** Sets the state of a proposed version; an approved one retires the one before. False when it was reviewed already. */
  review(template: Template, reviewer: string, approve: boolean, now_ms: number): Promise<boolean>;
};

export type Contacts = {
  /** Accounts that are not there are left out; throws when identity does not answer. */
  of(account_ids: readonly bigint[]): Promise<ReadonlyMap<bigint, Contact>>;
};

export type SendOutcome = { kind: 'taken'; provider_ref: string } | { kind: 'refused'; problem: string } | { kind: 'failed'; problem: string };

export type OutgoingMessage = { message_id: string; recipient: string } & Rendered;

export type Messaging = {
  /** Whether the circuit of a provider is open. */
  open(channel: OutsideChannel, provider: Provider): boolean;
  /**
   * Sends many in few requests where the provider can do that, an outcome for each in their order. Idempotent by `message_id`
   * at one provider, which reports back under it. Never throws.
   */
  send(channel: OutsideChannel, provider: Provider, messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<SendOutcome[]>;
  receipt(channel: OutsideChannel, provider: Provider, provider_ref: string, signal: AbortSignal): Promise<'ACCEPTED' | 'DELIVERED' | 'FAILED' | 'UNKNOWN'>;
};
