/** Notes that this tab went to the cashier for an order: back from there, the result may be on its way still. */
export function rememberPaying(storage: Storage, order_id: string): void {
  storage.setItem(KEY, order_id);
}

export function wentToPay(storage: Storage, order_id: string): boolean {
  return storage.getItem(KEY) === order_id;
}

const KEY = 'chunyun.paying';
