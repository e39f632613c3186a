import type { Hold } from '#gen/rail/inventory/v1/inventory_pb.ts';

/**
 * What a caller was told: this hold is yours, with this place. Kept until the oracle has looked for it. EITHER: a release
 * of it was asked for and not answered.
 */
export type Acknowledged = { hold_id: string; run_id: string; coach_no: string; seat_no: string; from: number; to: number; at_ms: number; expected: 'HELD' | 'RELEASED' | 'EITHER' };

export class Acknowledgements {
  readonly all = new Map<string, Acknowledged>();

  /** An answer for a hold of one seat. Throws when it is not that: then there is nothing to count. */
  note(hold: Hold | undefined): void {
    const [place] = hold?.seats ?? [];
    if (hold === undefined || place?.seat === undefined || hold.seats.length !== 1) throw new Error('an answer without its one place');
    const { coachNo: coach_no, seatNo: seat_no } = place.seat;
    const noted = { hold_id: hold.holdId, run_id: hold.runId, coach_no, seat_no, from: place.fromIndex, to: place.toIndex, at_ms: Date.now(), expected: 'HELD' as const };
    this.all.set(noted.hold_id, noted);
  }
}
