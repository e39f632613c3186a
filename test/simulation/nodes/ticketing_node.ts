/** A process of the ticketing service. */
import { generateKeyPairSync } from 'node:crypto';
import { ok } from '#kit/base/result.ts';
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { driveIssue, type IssueDeps } from '../../../services/ticketing/app/issue_tickets.ts';
import type { TicketKeys } from '../../../services/ticketing/app/ports.ts';
import { driveVoid } from '../../../services/ticketing/app/void_tickets.ts';
import { isSignedBy, readToken } from '../../../services/ticketing/domain/token.ts';
import { memoryTicketStore } from '../memory/ticket_store.ts';
import type { Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';
import { logOf } from './order_node.ts';

export type TicketingNode = IssueDeps & { process: Process };

/** What is signed decides nothing here, so the key may be another one in each run. */
const { privateKey: private_key, publicKey: public_key } = generateKeyPairSync('ed25519');

const KEYS: TicketKeys = {
  signing: () => ({ kid: 'sim', private_key }),
  isOurs(token) {
    const read = readToken(token);
    return read !== undefined && isSignedBy(read, public_key) ? read : undefined;
  },
};

const NEVER = new AbortController().signal;

export function startTicketing(world: World, process: Process, worker: number): TicketingNode {
  const { net, ticket_db: db } = world;
  const { clock } = process;
  const mysql = world.stores.ticketing;
  const ids = new SnowflakeGenerator({ clock, worker: worker % WORKERS, after_ms: 0 });
  const plain = memoryTicketStore(db, { now_ms: clock.now_ms, nextId: (gene) => ids.next(gene) });
  const store = net.stored(process, mysql, {
    ...plain,
    async complete(registered: Parameters<typeof plain.complete>[0], sign: Parameters<typeof plain.complete>[1]) {
      const issuing = new Set(registered.map(({ issue_id }) => issue_id).filter((issue_id) => db.issues.get(issue_id)?.state === 'ISSUING'));
      const issues = await plain.complete(registered, sign);
      for (const issue of issues) {
        if (issue?.state === 'ISSUED' && issuing.has(issue.issue_id)) world.oracle.issued(issue);
        if (issue !== undefined) world.oracle.written(String(issue.order_id));
      }
      return issues;
    },
    async voidTickets(...args: Parameters<typeof plain.voidTickets>) {
      const voided = await plain.voidTickets(...args);
      world.oracle.written(String(args[0]));
      return voided;
    },
  });
  const people = { resolve: async (_account_id: bigint, ids_asked: readonly string[]) => ok(ids_asked.map((passenger_id) => ({ passenger_id, name: '张三', id_type: 'RESIDENT', id_number: '11010119900101123X', name_masked: '张*', id_number_masked: '1****X', blind_index: world.personOf(passenger_id) }))) };
  const node: TicketingNode = { process, store, people, railway: world.railway.port(process), keys: KEYS, clock, log: logOf(world, process) as unknown as Log };
  const sweep = { net, process, store: mysql };
  startSweeper({ ...sweep, table: db.issues_due, handle: (issue_id, attempts) => driveIssue(node, issue_id, attempts, NEVER) });
  startSweeper({ ...sweep, table: db.tickets_due, handle: (ticket_id) => driveVoid(node, BigInt(ticket_id), NEVER) });
  return node;
}
