/** Promises 2 and 3: what was acknowledged is there, and it ends; and 4: versions only grow. */
import type { Told } from '../oracle.ts';
import { finding, type Finding } from '../finding.ts';
import type { World } from '../world.ts';

const LOOK = 'chunyun_order.order_timeline of the order; order.log by order_id';

/** Everything that may follow on a state (requirements: 订单状态机), written down a second time on purpose. */
const FOLLOWS: Record<string, string[]> = {
  WAIT_PAY: ['PAID', 'CLOSING'],
  CLOSING: ['CLOSED', 'PAID'],
  PAID: ['TICKETING', 'FAIL'],
  TICKETING: ['SUCCESS', 'FAIL'],
  FAIL: ['CLOSED'],
  SUCCESS: ['REFUND', 'CHANGE'],
  REFUND: ['CLOSED', 'SUCCESS'],
  CHANGE: ['SUCCESS'],
  CLOSED: [],
};

export async function ordersFindings(world: World, told: Told): Promise<Finding[]> {
  const findings: Finding[] = [];
  const entries = new Map((await world.rows<{ request_id: string; entry_id: string; state: string; order_id: string | null }>('SELECT request_id, entry_id, state, order_id FROM chunyun_order.queue_entry')).map((row) => [row.request_id, row]));
  const orders = new Map((await world.rows<{ order_id: string; state: string; entry_id: string; todo: string; close_reason: string | null }>('SELECT order_id, state, entry_id, todo, close_reason FROM chunyun_order.orders')).map((row) => [row.order_id, row]));
  for (const { request_id } of told.submitted) {
    const entry = entries.get(request_id);
    if (entry === undefined) findings.push(finding('orders', [request_id], 'SubmitOrder answered, and no entry is there', 'chunyun_order.queue_entry by request_id'));
  }
  for (const { entry_id, state, order_id } of entries.values()) {
    if (state === 'WAITING' || state === 'PROCESSING' || state === 'STANDBY') findings.push(finding('orders', [entry_id], `an entry is still ${state}`, 'chunyun_order.queue_entry; order.log by entry_id'));
    if (state === 'ORDERED' && (order_id === null || orders.get(order_id)?.entry_id !== entry_id)) findings.push(finding('orders', [entry_id, order_id ?? ''], 'an entry is ORDERED without its order', LOOK));
  }
  for (const order_id of told.orders) if (!orders.has(order_id)) findings.push(finding('orders', [order_id], 'somebody was told this order, and it is not there', LOOK));
  for (const { order_id, state, todo } of orders.values()) {
    if (state !== 'SUCCESS' && state !== 'CLOSED') findings.push(finding('orders', [order_id], `an order is still ${state}`, LOOK));
    if (todo !== '') findings.push(finding('orders', [order_id], `an order still owes: ${todo}`, LOOK));
  }
  for (const order_id of told.refunds) {
    const order = orders.get(order_id);
    if (order?.state !== 'CLOSED' || order.close_reason !== 'REFUNDED') findings.push(finding('orders', [order_id], `a refund was accepted, and the order is ${order?.state} (${order?.close_reason})`, `chunyun_aftersales; ${LOOK}`));
  }
  const claims = await world.rows<{ entry_id: string; item_no: number }>(
    `SELECT claim.entry_id, claim.item_no FROM chunyun_order.passenger_claim AS claim LEFT JOIN chunyun_order.orders AS orders ON orders.entry_id = claim.entry_id
     LEFT JOIN chunyun_order.order_item AS item ON item.order_id = orders.order_id AND item.item_no = claim.item_no WHERE item.state IS NULL OR item.state <> 'SUCCESS'`,
  );
  for (const { entry_id, item_no } of claims) findings.push(finding('orders', [`${entry_id}/${item_no}`], 'a passenger\'s time is claimed without a ticket', 'chunyun_order.passenger_claim'));
  return findings;
}

/** Each item's history is one chain: every state follows from the one before, every version is higher, and the row is its end. */
export async function historyFindings(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const items = await world.rows<{ order_id: string; item_no: number; state: string; version: string }>('SELECT order_id, item_no, state, version FROM chunyun_order.order_item');
  const lines = await world.rows<{ order_id: string; item_no: number; from_state: string | null; to_state: string; version: string; order_version: string }>(
    'SELECT order_id, item_no, from_state, to_state, version, order_version FROM chunyun_order.order_timeline ORDER BY order_id, item_no, order_version',
  );
  const histories = Map.groupBy(lines, ({ order_id, item_no }) => `${order_id}-${item_no}`);
  for (const { order_id, item_no, state, version } of items) {
    const id = `${order_id}-${item_no}`;
    const history = histories.get(id) ?? [];
    let before: string | null = null;
    let last = 0n;
    for (const line of history) {
      if (line.from_state !== before) findings.push(finding('history', [id], `${line.from_state} → ${line.to_state} follows on ${before}`, LOOK));
      const allowed = before === null || line.to_state === before || FOLLOWS[before]?.includes(line.to_state) === true;
      if (!allowed) findings.push(finding('history', [id], `${before} may not become ${line.to_state}`, LOOK));
      if (BigInt(line.version) <= last) findings.push(finding('history', [id], `version ${line.version} follows on ${last}`, LOOK));
      before = line.to_state;
      last = BigInt(line.version);
    }
    if (before !== state || last !== BigInt(version)) findings.push(finding('history', [id], `the item is ${state} v${version}, its history ends with ${before} v${last}`, LOOK));
  }
  return findings;
}
