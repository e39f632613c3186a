import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import type { Delivery } from '../domain/delivery.ts';
import type { Actor, Deps, StoredMessage } from './ports.ts';

const PAGE = 20;
const PAGE_LIMIT = 100;
/** How many messages one call may mark by id. */
const MARK_LIMIT = 500;

export type Page<T> = { items: T[]; next_page_token: string };
export type PageInput = { page_size: number; page_token: string };

/** The account's messages in the app, newest first, and how many are unread. PAGE_TOKEN_INVALID. */
export async function listMessages(deps: Deps, actor: Actor, account_id: bigint, input: PageInput): Promise<Result<Page<StoredMessage> & { unread: number }>> {
  const before = tokenOf(input.page_token);
  if (!before.ok) return before;
  const limit = sizeOf(input.page_size);
  return deps.store.record(actor, async (unit) => {
    const rows = await unit.messages.page(account_id, before.value, limit + 1);
    return ok({ ...pageOf(rows, limit, (message) => message.message_id), unread: await unit.messages.unread(account_id) });
  });
}

/** Marks the account's own messages as read, all of them where none is named; how many stay unread. */
export async function markRead(deps: Deps, actor: Actor, account_id: bigint, message_ids: readonly bigint[]): Promise<Result<number>> {
  if (message_ids.length > MARK_LIMIT) return fail('FIELD_INVALID', { metadata: { field: 'message_ids', limit: String(MARK_LIMIT) } });
  return deps.store.write(actor, async (unit) => {
    await unit.messages.markRead(account_id, message_ids, deps.clock.now_ms());
    await unit.audit({ operation: 'notification.MarkMessagesRead', target: `account/${account_id}`, result: 'ok' });
    return ok(await unit.messages.unread(account_id));
  });
}

/** Deliveries of an order or of an account, for customer service; recipients are masked. */
export async function listDeliveries(deps: Deps, actor: Actor, of: { order_id?: string; account_id?: bigint }, input: PageInput): Promise<Result<Page<Delivery>>> {
  if (of.order_id === undefined && of.account_id === undefined) return fail('FIELD_INVALID', { detail: 'an order or an account', metadata: { field: 'order_id' } });
  const before = tokenOf(input.page_token);
  if (!before.ok) return before;
  const limit = sizeOf(input.page_size);
  return deps.store.record(actor, async (unit) => ok(pageOf(await unit.deliveries.page(of, before.value, limit + 1), limit, (delivery) => delivery.delivery_id)));
}

/** One row more than asked for tells whether there is a next page; its token is the last id shown. */
function pageOf<T>(rows: T[], limit: number, idOf: (row: T) => bigint): Page<T> {
  const items = rows.slice(0, limit);
  return { items, next_page_token: rows.length > limit ? String(idOf(items.at(-1)!)) : '' };
}

function tokenOf(text: string): Result<bigint | undefined> {
  if (text === '') return ok(undefined);
  return /^\d{1,19}$/.test(text) ? ok(BigInt(text)) : fail('PAGE_TOKEN_INVALID');
}

function sizeOf(page_size: number): number {
  return page_size === 0 ? PAGE : Math.min(page_size, PAGE_LIMIT);
}
