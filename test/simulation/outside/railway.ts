/** The national railway's register. */
import type { Railway, RailwayAnswer } from '../../../services/ticketing/app/ports.ts';
import { registrationId, type Ticket } from '../../../services/ticketing/domain/ticket.ts';
import { failureOf, type Net, type Process } from '../process.ts';

const CALL_MS = 3000;
const DOWN_MS = [3000, 30_000, 120_000] as const;

export class SimRailway {
  readonly registrations = new Map<string, { railway_ref: string; state: 'REGISTERED' | 'VOID'; seat_no: string; run_id: string; from_index: number; to_index: number }>();
  readonly #net: Net;
  #down_until_ms = 0;

  constructor(net: Net) {
    this.#net = net;
  }

  port(process: Process): Railway {
    return {
      // One request for all of them: it is lost, or its answer is, for all together.
      register: (wanted) => this.#call(process, 'register', () => wanted.map(({ ticket }) => this.#register(ticket)), wanted.length),
      void: async (ticket) => (await this.#call(process, 'void', () => [this.#void(ticket)], 1))[0]!,
    };
  }

  #register(ticket: Ticket): RailwayAnswer {
    const id = registrationId(ticket);
    const known = this.registrations.get(id);
    if (known?.state === 'VOID') return { ok: false, problem: 'refused', detail: 'is VOID there' };
    if (known !== undefined) return { ok: true, railway_ref: known.railway_ref };
    if (this.#net.faults.hits('railway_refused')) return { ok: false, problem: 'refused', detail: 'with 409' };
    const railway_ref = `E${this.registrations.size + 1}`;
    const { run_id, from_index, to_index } = ticket.journey;
    this.registrations.set(id, { railway_ref, state: 'REGISTERED', seat_no: ticket.seat_parts[0]!.seat.seat_no, run_id, from_index, to_index });
    return { ok: true, railway_ref };
  }

  #void(ticket: Ticket): RailwayAnswer {
    const known = this.registrations.get(registrationId(ticket));
    if (known === undefined) return { ok: false, problem: 'unknown', detail: 'unknown there' };
    known.state = 'VOID';
    return { ok: true, railway_ref: known.railway_ref };
  }

  async #call(process: Process, label: string, effect: () => RailwayAnswer[], count: number): Promise<RailwayAnswer[]> {
    const { scheduler, faults } = this.#net;
    if (faults.hits('railway_down')) this.#down_until_ms = scheduler.now_ms() + scheduler.pick(DOWN_MS);
    try {
      return await this.#net.call(process, `railway.${label}`, CALL_MS, (): RailwayAnswer[] => (faults.running() && this.#down_until_ms > scheduler.now_ms() ? unreachable(count, 'it is away') : effect()));
    } catch (error) {
      return unreachable(count, failureOf(error).reason);
    }
  }
}

function unreachable(count: number, detail: string): RailwayAnswer[] {
  return Array.from({ length: count }, () => ({ ok: false, problem: 'unreachable', detail }));
}
