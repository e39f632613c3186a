import { changeOrder, readOrders } from './backend/orders.ts';

/** Stands in for the payment company's page. */
export function showCashier(): void {
  const order_id = new URLSearchParams(location.search).get('order') ?? '';
  const order = readOrders().find((one) => one.order_id === order_id);
  const button = document.createElement('button');
  button.dataset['testid'] = 'cashier-pay';
  button.textContent = `支付 Pay ${order?.travellers.length ?? 0}`;
  button.onclick = () => {
    changeOrder(order_id, { paid_ms: Date.now() });
    location.assign(`/orders/${order_id}`);
  };
  document.body.replaceChildren(button);
}
