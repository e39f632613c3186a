import { Health } from '#gen/grpc/health/v1/health_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { AuditService } from '#gen/rail/ops/v1/audit_pb.ts';
import { HousekeepingService } from '#gen/rail/ops/v1/housekeeping_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';

export type PeerAddresses = {
  query: string; inventory: readonly string[]; order: string; payment: string; ticketing: string; notification: string;
  identity: string; risk: string; aftersales: string | undefined;
};

/** Services that keep answers by request id, and so have an archive. */
const WITH_ARCHIVE = ['order', 'payment', 'inventory', 'notification', 'identity', 'risk'] as const;

export type Peers = ReturnType<typeof connectPeers>;

/** Clients of every service that jobs, explanations and searches ask. */
export function connectPeers(addresses: PeerAddresses, caller_key: Uint8Array) {
  const options = (address: string | readonly string[]) => ({ address, service: 'ops', caller_key });
  const peers = {
    query: createClient(QueryService, options(addresses.query)),
    inventory: createClient(InventoryService, options(addresses.inventory)),
    order: createClient(OrderService, options(addresses.order)),
    payment: createClient(PaymentService, options(addresses.payment)),
    ticketing: createClient(TicketingService, options(addresses.ticketing)),
    notification: createClient(NotificationService, options(addresses.notification)),
  };
  const housekeeping = new Map(WITH_ARCHIVE.map((name): [string, ServiceClient<typeof HousekeepingService>] => [name, createClient(HousekeepingService, options(addresses[name]))]));
  const known = Object.entries(addresses).filter((entry): entry is [string, string | readonly string[]] => entry[1] !== undefined);
  const audits = new Map(known.map(([name, address]): [string, ServiceClient<typeof AuditService>] => [name, createClient(AuditService, options(address))]));
  const health = new Map(known.map(([name, address]): [string, ServiceClient<typeof Health>] => [name, createClient(Health, options(address))]));
  const all = [...Object.values(peers), ...housekeeping.values(), ...audits.values(), ...health.values()];
  return { ...peers, housekeeping, audits, health, close: () => all.forEach((peer) => peer.close()) };
}
