// What the use cases need from the outside: implemented by store/, by clients in rpc/, and joined in main.ts.
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import type { Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Account } from '../domain/account.ts';
import type { Passenger, PassengerType, VerifyState } from '../domain/passenger.ts';
import type { Channel, RefreshToken, Session } from '../domain/session.ts';
import type { AuthorityAnswer } from '../domain/verification.ts';

export type Deps = {
  store: IdentityStore;
  looks: Looks;
  passwords: Passwords;
  tokens: TokenSigner;
  ids: Ids;
  authority: Authority;
  risk: Risk;
  /** Keyed hashes of personal data. */
  secrets: { personIndex(text: string): Uint8Array; fingerprint(parts: readonly string[]): Uint8Array };
  clock: Clock;
  random: Random;
  log: Log;
  /** First pause before the authority is asked again, in milliseconds. */
  verify_retry_ms: number;
};

/** Who acts, for the audit. */
export type Actor = { account_id: string; service: string; device_id: string; ip: string };

export type AuditNote = { operation: string; target: string; result: string; request_id?: string; version?: bigint };

export type IdentityStore = {
  /** One transaction: committed when the result is ok, undone when it is a Failure. */
  write<T>(actor: Actor, fn: (unit: Unit) => Promise<Result<T>>): Promise<Result<T>>;
  /** One transaction that is committed whatever it answers: for what must stay known of a refusal. */
  record<T>(actor: Actor, fn: (unit: Unit) => Promise<T>): Promise<T>;
};

/** Reads of personal data for other services, which come in numbers: many callers share one statement. */
export type Looks = {
  /** Only of this account, those on its list and removed ones. */
  passengers(account_id: bigint, passenger_ids: readonly bigint[]): Promise<ResolvablePassenger[]>;
  /** Kept for good when this resolves: who looked, at what, and how it ended. */
  note(actor: Actor, note: AuditNote): Promise<void>;
};

/** Everything a use case may do inside one transaction. */
export type Unit = {
  accounts: AccountRows;
  sessions: SessionRows;
  guesses: GuessRows;
  passengers: PassengerRows;
  audit(...notes: AuditNote[]): Promise<void>;
  /** Runs once per request id and keeps the answer: REQUEST_ID_REUSED, REQUEST_ID_INVALID, REQUEST_ID_EXPIRED. */
  once(key: { account_id: string; request_id: string; method: string; fingerprint: Uint8Array }, run: () => Promise<Result<string>>): Promise<Result<{ answer: string; replayed: boolean }>>;
};

export type AccountContact = Pick<Account, 'account_id' | 'phone' | 'email' | 'push_token' | 'language'>;

export type AccountRows = {
  /** False when the login name is taken. */
  insert(account: Account): Promise<boolean>;
  byId(account_id: bigint): Promise<Account | undefined>;
  byLoginKey(login_key: string): Promise<Account | undefined>;
  /** Where accounts can be reached, in no particular order; those that are not there are left out. */
  contacts(account_ids: readonly bigint[]): Promise<AccountContact[]>;
  /** Undefined: the account takes no push messages. */
  setPushToken(account_id: bigint, push_token: string | undefined): Promise<void>;
  /** Serializes changes of one account until the end of the transaction. */
  lock(account_id: bigint): Promise<void>;
};

export type SessionRows = {
  insert(session: Session): Promise<void>;
  /** Locked until the end of the transaction, so that of two refreshes the second sees the first. */
  byRefreshHash(hash: Uint8Array): Promise<{ token: RefreshToken; session: Session } | undefined>;
  addRefresh(session_id: string, hash: Uint8Array, expire_time_ms: number): Promise<void>;
  useRefresh(hash: Uint8Array, now_ms: number): Promise<void>;
  /** Ends one session, or all of the account; the number ended. */
  revoke(which: { account_id: bigint; session_id?: string }, now_ms: number): Promise<number>;
};

export type Guesses = { failures: number; pause_until_ms: number; last_time_ms: number };
export type GuessRows = {
  /** Locked until the end of the transaction. */
  get(login_key: string): Promise<Guesses | undefined>;
  set(login_key: string, guesses: Guesses): Promise<void>;
  clear(login_key: string): Promise<void>;
};

/** A passenger and what the store knows besides. */
export type StoredPassenger = Passenger & { verify_round: number; verify_tries: number; removed: boolean };
export type ResolvablePassenger = StoredPassenger & { person_index: Uint8Array };

export type PassengerRows = {
  /** False when the account has this person already. */
  insert(passenger: StoredPassenger, person_index: Uint8Array, wait_ms: number): Promise<boolean>;
  /** The current ones, oldest first. */
  ofAccount(account_id: bigint): Promise<StoredPassenger[]>;
  /** Only of this account; removed ones too. */
  byIds(account_id: bigint, passenger_ids: readonly bigint[]): Promise<ResolvablePassenger[]>;
  /** For the sweeper, which works for nobody's account. */
  byId(passenger_id: bigint): Promise<StoredPassenger | undefined>;
  /** Compare and set on the version; false when somebody was faster. */
  change(passenger: Pick<Passenger, 'passenger_id' | 'version'>, to: PassengerChange): Promise<boolean>;
};

export type PassengerChange = {
  passenger_type?: PassengerType;
  /** Null removes it. */
  phone?: string | null;
  removed?: true;
  verify_state?: VerifyState;
  verify_round?: number;
  verify_tries?: number;
  /** When the authority is to be asked (again); null: never. */
  wait_ms?: number | null;
};

export type Passwords = {
  hash(password: string): Promise<string>;
  /** The same work whether there is a hash or not. OVERLOADED when too many wait. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
};

export type TokenSigner = { sign(account: Account, session: Session): Promise<{ token: string; expire_time_ms: number }> };

export type Ids = { next(gene: number): bigint };

export type Authority = {
  /** Never throws: what can't be asked is UNREACHABLE. */
  ask(question: { verification_id: string; name: string; id_type: string; id_number: string }, signal?: AbortSignal): Promise<AuthorityAnswer>;
};

export type RiskQuestion = { operation: 'login' | 'register'; account_id?: string; device_id: string; ip: string; captcha_token: string };
export type Risk = {
  /** ok; or CAPTCHA_REQUIRED, RISK_REJECTED; within a second, and by configuration when nobody answers. */
  assess(question: RiskQuestion): Promise<Result<undefined>>;
};

export type Tokens = { access_token: string; access_expire_ms: number; refresh_token: string; refresh_expire_ms: number };
export type LoggedIn = { account: Account; tokens: Tokens };
export type Device = { device_id: string; channel: Channel };
