import type { AccountCaller } from '#kit/rpc/caller.ts';
import type { CallOptions } from '#kit/rpc/client.ts';
import type { Actor } from '../../app/actor.ts';

/** A call on behalf of the account that acts, within what is left of its time. */
export function onBehalf(actor: Actor, timeout_ms: number): CallOptions {
  const caller: AccountCaller | null = actor.account === undefined ? null : { kind: 'account', ...actor.account };
  return { caller, timeout_ms: Math.max(1, Math.min(timeout_ms, actor.deadline_ms - Date.now())) };
}
