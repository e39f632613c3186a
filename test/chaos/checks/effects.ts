/** Promise 4: one effect per request id and per event id. */
import { finding, type Finding } from '../finding.ts';
import type { World } from '../world.ts';

type Twice = { id: string; found: string };

export async function effectsFindings(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const once = async (check: string, sql: string, what: string, where: string): Promise<void> => {
    for (const { id, found } of await world.rows<Twice>(sql)) findings.push(finding('effects', [check, id], `${what}: ${found}`, where));
  };
  await once('orders', "SELECT CONCAT(account_id, '/', request_id) AS id, GROUP_CONCAT(order_id) AS found FROM chunyun_order.orders GROUP BY account_id, request_id HAVING COUNT(*) > 1", 'several orders of one request', 'chunyun_order.orders');
  await once('orders', 'SELECT hold_id AS id, GROUP_CONCAT(order_id) AS found FROM chunyun_order.orders GROUP BY hold_id HAVING COUNT(*) > 1', 'several orders of one hold', 'chunyun_order.orders');
  await once('holds', "SELECT order_id AS id, GROUP_CONCAT(hold_id) AS found FROM chunyun_inventory.seat_hold WHERE state IN ('HELD', 'SOLD') AND order_id <> '' AND owner <> 'CHANGE' GROUP BY order_id HAVING COUNT(DISTINCT run_id) < COUNT(*)", 'several live holds of one order on one run', 'chunyun_inventory.seat_hold');
  await once('tickets', "SELECT CONCAT(item_id, ' v', version) AS id, GROUP_CONCAT(ticket_id) AS found FROM chunyun_ticketing.ticket GROUP BY item_id, version HAVING COUNT(*) > 1", 'several tickets of one version', 'chunyun_ticketing.ticket');
  await once('tickets', "SELECT item_id AS id, GROUP_CONCAT(ticket_id) AS found FROM chunyun_ticketing.ticket WHERE state IN ('VALID', 'USED') GROUP BY item_id HAVING COUNT(*) > 1", 'several valid tickets of one item', 'chunyun_ticketing.ticket');
  await once('tickets', "SELECT CONCAT(item.order_id, '-', item.item_no) AS id, CONCAT('ticket ', COALESCE(item.ticket_id, 'none'), ' is ', COALESCE(ticket.state, 'missing')) AS found FROM chunyun_order.order_item AS item LEFT JOIN chunyun_ticketing.ticket AS ticket ON ticket.ticket_id = item.ticket_id WHERE item.state = 'SUCCESS' AND (ticket.state IS NULL OR ticket.state NOT IN ('VALID', 'USED'))", 'a ticketed item without a valid ticket', 'chunyun_ticketing.ticket; ticketing.log');
  await once('messages', "SELECT CONCAT(order_id, ' ', template_id) AS id, GROUP_CONCAT(message_key) AS found FROM chunyun_notification.message WHERE template_id NOT IN ('ORDER_REFUNDED', 'PAYMENT_RETURNED', 'ORDER_CHANGED', 'CHANGE_GIVEN_UP', 'UPGRADE_DUE', 'UPGRADE_PASSED', 'UPGRADE_ENDED') GROUP BY order_id, template_id, account_id HAVING COUNT(*) > 1", 'several messages of one order and template', 'chunyun_notification.message');
  await once('messages', "SELECT CONCAT(message.order_id, ' ', message.template_id) AS id, COUNT(*) AS found FROM chunyun_notification.message AS message WHERE message.template_id IN ('ORDER_REFUNDED', 'PAYMENT_RETURNED') GROUP BY message.order_id, message.template_id HAVING COUNT(*) > (SELECT COUNT(*) FROM chunyun_payment.refund AS refund WHERE refund.order_id = message.order_id)", 'more messages about refunds than refunds', 'chunyun_notification.message');
  await once('messages', "SELECT CONCAT(message.order_id, ' ', message.template_id) AS id, COUNT(*) AS found FROM chunyun_notification.message AS message WHERE message.template_id IN ('ORDER_CHANGED', 'CHANGE_GIVEN_UP') GROUP BY message.order_id, message.template_id HAVING COUNT(*) > (SELECT COUNT(*) FROM chunyun_aftersales.ticket_change AS made WHERE made.order_id = message.order_id)", 'more messages about changes than changes', 'chunyun_notification.message');
  findings.push(...(await outsideFindings(world)));
  return findings;
}

/** What the outside world was asked to do: providers took a message once each, trades are one a payment by their number. */
async function outsideFindings(world: World): Promise<Finding[]> {
  const sent = new Map<string, Set<string>>();
  // A provider writes a message again, under the number it has there, when its receipt has been taken.
  for (const { provider, channel, message_id, provider_ref } of world.journal<{ provider: string; channel: string; message_id: string; provider_ref: string }>('messaging')) {
    const key = `${channel}/${provider}/${message_id}`;
    sent.set(key, (sent.get(key) ?? new Set()).add(provider_ref));
  }
  return [...sent].filter(([, refs]) => refs.size > 1).map(([key, refs]) => finding('effects', [key], `a provider sent a message ${refs.size} times`, 'sandbox/messaging.jsonl'));
}

/** At rest the railway's register, which gates read, has exactly the tickets that are valid: registered as `<item>-v<version>`. */
export async function registerFindings(world: World): Promise<Finding[]> {
  const registered = new Set<string>();
  for (const { registration_id, state } of world.journal<{ registration_id: string; state: 'REGISTERED' | 'VOID' }>('railway')) {
    if (state === 'REGISTERED') registered.add(registration_id);
    else registered.delete(registration_id);
  }
  const look = 'sandbox/railway.jsonl by registration_id; chunyun_ticketing.ticket and issue; ticketing.log';
  const findings: Finding[] = [];
  for (const { id, ticket_id } of await world.rows<{ id: string; ticket_id: string }>("SELECT CONCAT(item_id, '-v', version) AS id, ticket_id FROM chunyun_ticketing.ticket WHERE state IN ('VALID', 'USED')")) {
    if (!registered.delete(id)) findings.push(finding('effects', [ticket_id, id], 'a valid ticket that the railway does not know', look));
  }
  for (const id of registered) findings.push(finding('effects', [id], 'the railway has a ticket that is not valid here', look));
  return findings;
}
