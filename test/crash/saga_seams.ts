/** Where the services of a purchase are cut open for tests of crashes: what their wiring makes, by file, and the name of its points. */
export type SagaService = 'order' | 'payment' | 'ticketing' | 'aftersales' | 'notification';

/** By file of the service: the function that makes it, and what its points are called. */
export const SEAMS: Readonly<Record<SagaService, Readonly<Record<string, Readonly<Record<string, string>>>>>> = {
  order: {
    'store/entry_store.ts': { createEntryStore: 'entries' },
    // The second is the store inside the transaction of an event.
    'store/order_store.ts': { createOrderStore: 'orders', orderStoreIn: 'told' },
    'store/redis_queue.ts': { createRedisQueue: 'queue' },
    'store/run_changes.ts': { createRunWords: 'words' },
    'rpc/peers/aftersales.ts': { aftersalesPeer: 'standbys' },
    'rpc/peers/inventory.ts': { inventoryPeer: 'inventory' },
    'rpc/peers/payment.ts': { paymentPeer: 'money' },
    'rpc/peers/ticketing.ts': { ticketingPeer: 'ticketing' },
  },
  payment: {
    'store/payment_store.ts': { openPaymentStore: 'payments' },
    'store/refund_store.ts': { openRefundStore: 'refunds' },
    'rpc/gateway.ts': { gatewayOver: 'gateway' },
  },
  ticketing: {
    'store/ticket_store.ts': { openTicketStore: 'tickets' },
    'rpc/railway.ts': { railwayOver: 'railway' },
  },
  aftersales: {
    'store/refund_store.ts': { openRefundStore: 'refunds' },
    'store/run_refund_store.ts': { openRunRefundStore: 'jobs' },
    'rpc/peers/orders.ts': { ordersOver: 'orders', runOrdersOver: 'runs' },
    'rpc/peers/notices.ts': { noticesOver: 'notices' },
    'rpc/peers/others.ts': { moneyOver: 'money', placesOver: 'places', ticketsOver: 'tickets' },
    'store/change_store.ts': { openChangeStore: 'changes' },
    'store/standby_store.ts': { openStandbyStore: 'waiters' },
    'store/upgrade_store.ts': { openUpgradeStore: 'upgrades' },
    'rpc/peers/change_orders.ts': { changeOrdersOver: 'travels' },
    'rpc/peers/change_peers.ts': { changeMoneyOver: 'difference', changePlacesOver: 'seats', changeTicketsOver: 'swaps' },
  },
  notification: {
    'store/notification_store.ts': { createNotificationStore: 'store', unitOf: 'told' },
    'rpc/messaging.ts': { createMessaging: 'messaging' },
  },
};
