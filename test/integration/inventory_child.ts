// Inventory as a process of its own, which a test can kill.
import { startServiceProcess, type ServiceProcess } from './service_child.ts';

/** Resolves once it serves. It dies with the test. */
export function startInventoryProcess(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  return startServiceProcess('inventory', env);
}
