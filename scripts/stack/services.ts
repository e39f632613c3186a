/** Which services there are, and which of them share a process in the local stack. */
import { join } from 'node:path';
import { ROOT } from '../tools/paths.ts';

export type ServiceName = (typeof SERVICE_NAMES)[number];
export type SandboxName = (typeof SANDBOX_NAMES)[number];
export type UnitName = ServiceName | SandboxName;

export const SERVICE_NAMES = ['query', 'order', 'inventory', 'payment', 'ticketing', 'aftersales', 'risk', 'identity', 'notification', 'ops'] as const;
/** The outside world: servers of their own that stand in for the railway, the authorities, the payment and message providers. */
export const SANDBOX_NAMES = ['railway', 'realname', 'gateway', 'messaging'] as const;

export const PROCESS_LAYOUTS = ['grouped', 'one', 'each'] as const;
export type ProcessLayout = (typeof PROCESS_LAYOUTS)[number];

/** What shares a process: the reads, the hot path of selling, the rest of a purchase, and the outside world. */
const GROUPS: Record<string, readonly UnitName[]> = {
  front: ['query', 'risk', 'identity', 'notification'],
  sell: ['order', 'inventory'],
  after: ['payment', 'ticketing', 'aftersales', 'ops'],
  sandbox: SANDBOX_NAMES,
};

export type ServiceProcess = { name: string; units: readonly UnitName[] };

export const UNIT_NAMES: readonly UnitName[] = [...SERVICE_NAMES, ...SANDBOX_NAMES];

/** The processes of a layout, with the wanted units in them. Sandboxes never share a process with services. */
export function processesOf(layout: ProcessLayout, wanted: readonly UnitName[]): ServiceProcess[] {
  const groups: Record<string, readonly UnitName[]> = {
    grouped: GROUPS,
    one: { services: SERVICE_NAMES, sandbox: SANDBOX_NAMES },
    each: Object.fromEntries(UNIT_NAMES.map((name) => [name, [name]])),
  }[layout];
  return Object.entries(groups)
    .map(([name, units]) => ({ name, units: units.filter((unit) => wanted.includes(unit)) }))
    .filter((group) => group.units.length > 0);
}

export function isSandbox(name: string): name is SandboxName {
  return SANDBOX_NAMES.some((sandbox) => sandbox === name);
}

export function isUnit(name: string): name is UnitName {
  return isSandbox(name) || SERVICE_NAMES.some((service) => service === name);
}

export function mainOf(name: UnitName): string {
  return join(ROOT, isSandbox(name) ? 'sandbox' : 'services', name, 'main.ts');
}

export function migrationsOf(name: ServiceName): string {
  return join(ROOT, 'services', name, 'store', 'migrations.ts');
}
