/** What services reach besides one another: stores, and systems of others. */
import type { SandboxName, ServiceName } from '../scripts/stack/services.ts';

export type DataStore = 'mysql' | 'redis' | 'nats';

/** Systems of others, by the names under which the local stack stands in for them. */
export type OutsideSystem = SandboxName;

/** Stores that each service has a connection to. */
export const DATA: Readonly<Record<ServiceName, readonly DataStore[]>> = {
  query: ['mysql', 'redis'],
  order: ['mysql', 'redis', 'nats'],
  inventory: ['mysql', 'redis', 'nats'],
  payment: ['mysql', 'nats'],
  ticketing: ['mysql'],
  aftersales: ['mysql', 'nats'],
  risk: ['mysql', 'redis'],
  identity: ['mysql'],
  notification: ['mysql', 'nats'],
  ops: ['mysql', 'nats'],
};

/** Systems of others that each service asks over HTTP. */
export const OUTSIDE: Readonly<Partial<Record<ServiceName, readonly OutsideSystem[]>>> = {
  query: ['railway'],
  ticketing: ['railway'],
  identity: ['realname'],
  payment: ['gateway'],
  notification: ['messaging'],
};

/** How long a system of others may take with one try, in milliseconds: the most that operators can set (kit/settings/calls.ts). */
export const OUTSIDE_TIMEOUT_MS = 5000;
