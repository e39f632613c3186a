import type { Order } from '../domain/order.ts';

/** What is looked up of an order. The order itself is read from the database, so that it is shown as it is. */
export function orderDocument(order: Order) {
  const rides = [order.journey, ...order.items.flatMap(({ journey }) => journey ?? [])];
  return {
    order_no: order.order_id,
    account_id: order.account_id,
    tenant: order.tenant,
    run_ids: [...new Set(rides.map(({ run_id }) => run_id))],
    service_dates: [...new Set(rides.map(({ service_date }) => service_date))],
    persons: [...new Set(order.items.map(({ person }) => person))],
    state: order.state,
    payment_id: order.payment_id,
    create_ms: order.create_ms,
  };
}
