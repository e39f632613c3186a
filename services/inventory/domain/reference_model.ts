import type { HeldPlace } from './hold.ts';
import { NO_SEAT } from './place.ts';
import type { Buyer } from './quota.ts';

/** What the model must know of a run: seats by class code, standing places, segments. */
export type ModelRun = { segments: number; seats: ReadonlyMap<number, number>; standing: number };

/** Seats [first, first + count) of a class are only for those the condition names. */
export type ModelQuota = { class_code: number; first: number; count: number; allows: (buyer: Buyer, from: number, to: number) => boolean };

export type ModelItem = { classes: readonly number[]; buyer?: Buyer };

export type ModelHold = { places: HeldPlace[]; state: 'HELD' | 'SOLD' | 'RELEASED' };

/**
 * The inventory of one run as a person would keep it: a list of who has which seat on which segment, looked through from
 * the start each time. It doesn't choose seats; it says whether a group fits, and whether chosen seats were free. Tests
 * hold the real thing against it.
 */
export class ReferenceModel {
  readonly run: ModelRun;
  readonly holds = new Map<string, ModelHold>();
  quotas: readonly ModelQuota[] = [];

  constructor(run: ModelRun) {
    this.run = run;
  }

  /** Places of a class left on every segment of [from, to) for a buyer. */
  remaining(class_code: number, from: number, to: number, buyer: Buyer = {}): number {
    return class_code === STANDING ? this.#standingLeft(from, to) : this.#seatsFor(class_code, from, to, buyer).length;
  }

  mayHave(class_code: number, seat: number, from: number, to: number, buyer: Buyer): boolean {
    return this.quotas.every((quota) => quota.class_code !== class_code || seat < quota.first || seat >= quota.first + quota.count || quota.allows(buyer, from, to));
  }

  isFree(class_code: number, seat: number, from: number, to: number): boolean {
    return !this.#taken().some((place) => place.class_code === class_code && place.index === seat && place.from < to && from < place.to);
  }

  /** True when every item can have a place of one of its classes: tried in every way, seat by seat. */
  fits(items: readonly ModelItem[], from: number, to: number): boolean {
    const given = new Set<string>();
    let standing = this.#standingLeft(from, to);
    const place = (index: number): boolean => {
      const item = items[index];
      if (item === undefined) return true;
      return item.classes.some((class_code) => {
        if (class_code === STANDING) {
          if (standing === 0) return false;
          standing -= 1;
          const fitted = place(index + 1);
          standing += 1;
          return fitted;
        }
        return this.#seatsFor(class_code, from, to, item.buyer ?? {}).some((seat) => {
          const name = `${class_code}/${seat}`;
          if (given.has(name)) return false;
          given.add(name);
          const fitted = place(index + 1);
          given.delete(name);
          return fitted;
        });
      });
    };
    return place(0);
  }

  /** The same for an item list that takes the place of a hold. */
  fitsInstead(hold_id: string, items: readonly ModelItem[], from: number, to: number): boolean {
    const hold = this.holds.get(hold_id)!;
    const places = hold.places;
    hold.places = [];
    const fitted = this.fits(items, from, to);
    hold.places = places;
    return fitted;
  }

  /** The new hold has what it was given, the old one nothing any more; what was sold stays sold. */
  exchange(old_id: string, new_id: string, places: HeldPlace[]): string | undefined {
    const { state } = this.holds.get(old_id)!;
    this.release(old_id);
    const problem = this.hold(new_id, places);
    if (state === 'SOLD') this.sell(new_id);
    return problem;
  }

  /** Takes the places; says what is wrong with them, if anything. */
  hold(hold_id: string, places: HeldPlace[]): string | undefined {
    if (this.holds.has(hold_id)) return `hold ${hold_id} exists`;
    const hold: ModelHold = { places: [], state: 'HELD' };
    this.holds.set(hold_id, hold);
    for (const place of places) {
      const { class_code, index, from, to } = place;
      const free = index === NO_SEAT ? this.remaining(STANDING, from, to) > 0 : this.isFree(class_code, index, from, to);
      if (!free) return `class ${class_code} seat ${index} was not free on ${from}-${to}`;
      hold.places.push(place);
    }
    return undefined;
  }

  sell(hold_id: string): void {
    const hold = this.holds.get(hold_id);
    if (hold?.state === 'HELD') hold.state = 'SOLD';
  }

  release(hold_id: string, item_ids: readonly string[] = []): void {
    const hold = this.holds.get(hold_id);
    if (hold === undefined || hold.state === 'RELEASED') return;
    hold.places = item_ids.length === 0 ? [] : hold.places.filter(({ item_id }) => !item_ids.includes(item_id));
    if (hold.places.length === 0) hold.state = 'RELEASED';
  }

  #seatsFor(class_code: number, from: number, to: number, buyer: Buyer): number[] {
    const seats = Array.from({ length: this.run.seats.get(class_code) ?? 0 }, (_, seat) => seat);
    return seats.filter((seat) => this.isFree(class_code, seat, from, to) && this.mayHave(class_code, seat, from, to, buyer));
  }

  #standingLeft(from: number, to: number): number {
    return Math.min(...this.#segments(from, to).map((segment) => this.run.standing - this.#standingUsed(segment)));
  }

  #taken(): HeldPlace[] {
    return [...this.holds.values()].flatMap(({ places }) => places);
  }

  #standingUsed(segment: number): number {
    return this.#taken().filter(({ index, from, to }) => index === NO_SEAT && from <= segment && segment < to).length;
  }

  #segments(from: number, to: number): number[] {
    return Array.from({ length: to - from }, (_, offset) => from + offset);
  }
}

const STANDING = 8;
