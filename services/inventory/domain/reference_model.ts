import type { HeldPlace } from './hold.ts';
import { NO_SEAT } from './place.ts';

/** What the model must know of a run: seats by class code, standing places, segments. */
export type ModelRun = { segments: number; seats: ReadonlyMap<number, number>; standing: number };

export type ModelHold = { places: HeldPlace[]; state: 'HELD' | 'SOLD' | 'RELEASED' };

/**
 * The inventory of one run as a person would keep it: a list of who has which seat on which segment, looked through from
 * the start each time. It doesn't choose seats; it says whether a group fits, and whether chosen seats were free. Tests
 * hold the real thing against it.
 */
export class ReferenceModel {
  readonly run: ModelRun;
  readonly holds = new Map<string, ModelHold>();

  constructor(run: ModelRun) {
    this.run = run;
  }

  /** Places of a class left on every segment of [from, to). */
  remaining(class_code: number, from: number, to: number): number {
    if (class_code === STANDING) return Math.min(...this.#segments(from, to).map((segment) => this.run.standing - this.#standingUsed(segment)));
    const seats = this.run.seats.get(class_code) ?? 0;
    return Array.from({ length: seats }, (_, seat) => seat).filter((seat) => this.isFree(class_code, seat, from, to)).length;
  }

  isFree(class_code: number, seat: number, from: number, to: number): boolean {
    return !this.#taken().some((place) => place.class_code === class_code && place.index === seat && place.from < to && from < place.to);
  }

  /** True when every item can have a place of one of its classes: tried in every way. */
  fits(items: readonly { classes: readonly number[] }[], from: number, to: number): boolean {
    const room = new Map<number, number>();
    for (const class_code of new Set(items.flatMap(({ classes }) => classes))) room.set(class_code, this.remaining(class_code, from, to));
    const place = (index: number): boolean => {
      if (index === items.length) return true;
      return items[index]!.classes.some((class_code) => {
        const left = room.get(class_code)!;
        if (left === 0) return false;
        room.set(class_code, left - 1);
        const fitted = place(index + 1);
        room.set(class_code, left);
        return fitted;
      });
    };
    return place(0);
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
