import type { Clock } from '#kit/base/clock.ts';
import { readError } from './errors.ts';
import type { AccessToken, RefreshTokenStore } from './refresh_token_store.ts';

export type Tokens = { access_token: string; access_expire_ms: number; refresh_token: string };

export type TokenKeeperParts = {
  store: RefreshTokenStore;
  /** Trades a refresh token for new tokens. */
  refresh: (refresh_token: string) => Promise<Tokens>;
  /** Runs one at a time across all tabs of this browser. */
  exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  clock: Clock;
};

/**
 * Hands out the access token and renews it. A refresh token is good once and its second use ends the session, so a renewal
 * happens once however many calls wait for it, in this tab and in others.
 */
export class TokenKeeper {
  readonly #parts: TokenKeeperParts;
  #renewal: Promise<string | undefined> | undefined;
  #listeners = new Set<() => void>();

  constructor(parts: TokenKeeperParts) {
    this.#parts = parts;
  }

  /** True while there is a session, even when its access token must be renewed first. */
  get signed_in(): boolean {
    return this.#parts.store.read() !== undefined;
  }

  /** A token good for a while, renewed when needed; undefined without a session. Throws when renewing failed for now. */
  async accessToken(): Promise<string | undefined> {
    if (!this.signed_in) return undefined;
    const access = this.#parts.store.readAccess();
    if (access !== undefined && access.expire_ms - RENEW_BEFORE_MS > this.#parts.clock.now_ms()) return access.token;
    return this.renew(access?.token);
  }

  /** Renews unless somebody else has done so since `refused_token` was in use. */
  renew(refused_token: string | undefined): Promise<string | undefined> {
    this.#renewal ??= this.#parts.exclusively(() => this.#renewOnce(refused_token)).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  /** A new session. `shared_computer` keeps it in this tab only. */
  begin(tokens: Tokens, shared_computer: boolean): void {
    this.#parts.store.begin(tokens.refresh_token, accessOf(tokens), shared_computer);
    this.#tell();
  }

  end(): void {
    this.#parts.store.clear();
    this.#tell();
  }

  /** Called when a session begins or ends, also in another tab. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    const forget = this.#parts.store.onOtherTab(listener);
    return () => {
      this.#listeners.delete(listener);
      forget();
    };
  };

  async #renewOnce(refused_token: string | undefined): Promise<string | undefined> {
    // Read inside the lock: another tab may have renewed meanwhile.
    const refresh_token = this.#parts.store.read();
    if (refresh_token === undefined) return undefined;
    const access = this.#parts.store.readAccess();
    if (access !== undefined && access.token !== refused_token) return access.token;
    try {
      const tokens = await this.#parts.refresh(refresh_token);
      this.#parts.store.replace(tokens.refresh_token, accessOf(tokens));
      return tokens.access_token;
    } catch (error) {
      // Only a refusal ends the session; a network that fails says nothing about it.
      if (readError(error).kind === 'signed_out') this.end();
      throw error;
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function accessOf({ access_token, access_expire_ms }: Tokens): AccessToken {
  return { token: access_token, expire_ms: access_expire_ms };
}

/** Renewed a little early, so that a call does not leave with a token that dies on the way. */
const RENEW_BEFORE_MS = 30_000;
