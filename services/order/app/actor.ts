/** Who acts: a person with an account, another service, or this service by itself. Goes into the audit and to peers. */
export type AccountFacts = {
  account_id: string;
  tenant: string;
  channel: string;
  device_id: string;
  session_id: string;
  roles: readonly string[];
  member_level: number;
  city?: string;
};

export type Actor = {
  account?: AccountFacts;
  /** Empty when a person calls directly. */
  service: string;
  ip: string;
  user_agent: string;
  /** When the answer is no longer wanted, milliseconds since 1970; Infinity without a caller. */
  deadline_ms: number;
};

/** The sagas and sweepers of this service. */
export const SYSTEM: Actor = { service: 'order', ip: '', user_agent: '', deadline_ms: Infinity };

export function isOperator(actor: Actor): boolean {
  return actor.account?.roles.includes('operator') ?? false;
}
