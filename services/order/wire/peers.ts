import { StandbyService } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { DescService } from '@bufbuild/protobuf';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import { watchPeerCalls } from '#kit/settings/calls.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Peers } from '../app/peers.ts';
import { aftersalesPeer } from '../rpc/peers/aftersales.ts';
import { identityPeer } from '../rpc/peers/identity.ts';
import { inventoryPeer } from '../rpc/peers/inventory.ts';
import { paymentPeer } from '../rpc/peers/payment.ts';
import { queryPeer } from '../rpc/peers/query.ts';
import { riskPeer } from '../rpc/peers/risk.ts';
import { ticketingPeer } from '../rpc/peers/ticketing.ts';
import type { Config } from './config.ts';

/** Clients of the other services; they connect with their first call. */
export function connectPeers(config: Config, log: Log, lifecycle: Lifecycle): Peers {
  const calls = lifecycle.add('call settings', watchPeerCalls({ address: config.risk_address, caller_key: config.caller_key[0], service: 'order', log }));
  const client = <S extends DescService>(service: S, address: string | readonly string[]): ServiceClient<S> => {
    const made = createClient(service, { address, service: 'order', caller_key: config.caller_key[0], bounds: () => calls.get() });
    lifecycle.onStop(service.name, () => made.close());
    return made;
  };
  return {
    inventory: inventoryPeer(client(InventoryService, config.inventory_address)),
    payments: paymentPeer(client(PaymentService, config.payment_address)),
    ticketing: ticketingPeer(client(TicketingService, config.ticketing_address)),
    identity: identityPeer(client(IdentityService, config.identity_address)),
    timetable: queryPeer(client(QueryService, config.query_address)),
    risk: riskPeer(client(RiskService, config.risk_address)),
    ...(config.aftersales_address === undefined ? {} : { standbys: aftersalesPeer(client(StandbyService, config.aftersales_address)) }),
  };
}
