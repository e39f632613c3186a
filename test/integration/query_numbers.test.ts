// Only numbers that can be bought: query's answers against the real inventory, while it sells, is quiet, or is gone.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import test from 'ava';
import { SaleState, type TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import type { Train } from '../../timetable/model.ts';
import { eventually } from '../support/processes.ts';
import { openNumbersWorld, runIdOf, smallestClass, trains, type NumbersWorld, type Replica, type Stretch } from './query_numbers_world.ts';

let all: NumbersWorld;
test.before(async () => {
  all = await openNumbersWorld();
});
test.after.always(() => all?.stop());

const left = (train: Train, offer: Pick<TrainOffer, 'classes'>): number => offer.classes.find(({ seatClass }) => seatClass === smallestClass(train).number)!.remaining;
const trip = (train: Train, a: number, b: number): Stretch => {
  const segments = train.stops.length - 1;
  const from = Math.min(a % segments, b % segments);
  return { from, to: Math.max(a % segments, b % segments) + 1 };
};

/** What the page says once it has heard of the last change. */
async function settled(replica: Replica, train: Train, stretch: Stretch): Promise<number> {
  const version = await all.versionOf(train);
  const offer = await eventually(async () => {
    const now = await replica.shown(train, stretch);
    return now.version >= version && !now.stale && now.saleState === SaleState.OPEN && now;
  });
  return left(train, offer);
}

test.serial('when it is quiet and the page says r, r can be bought and not one more', async (t) => {
  let checked = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(trains.length - 1), fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { maxLength: 25 }), fc.tuple(fc.nat(40), fc.nat(40)), async (which, sales, [a, b]) => {
      const train = trains[which]!;
      const mine: string[] = [];
      const buy = async (stretch: Stretch): Promise<boolean> => {
        const id = randomUUID();
        const hold = await all.buy(train, stretch, id);
        if (hold !== undefined) mine.push(id);
        return hold !== undefined;
      };
      for (const [from, to] of sales) await buy(trip(train, from, to));
      const stretch = trip(train, a, b);
      const said = await settled(all.first, train, stretch);
      let bought = 0;
      while (await buy(stretch)) bought += 1;
      t.is(bought, said, `${runIdOf(train)} ${stretch.from}-${stretch.to}`);
      t.is(await settled(all.first, train, stretch), 0);
      checked += 1;
      for (const id of mine) await all.giveBack(train, id);
    }),
    { numRuns: 10 },
  );
  t.is(checked, 10);
});

/** Which seats of the smallest class are taken on which segments. */
type Seats = ReadonlyMap<string, readonly Stretch[]>;

/** Buys and gives back on one train, one after the other, and writes down what is taken after each. */
class Seller {
  readonly at = new Map<bigint, Seats>();
  readonly train: Train;
  readonly #seats = new Map<string, Stretch[]>();
  readonly #held: { id: string; seat: string; stretch: Stretch }[] = [];
  #ending = false;
  #done: Promise<void>;

  constructor(train: Train) {
    this.train = train;
    this.#done = this.#sell();
  }

  async stop(): Promise<void> {
    this.#ending = true;
    await this.#done;
  }

  freeAt(version: bigint, { from, to }: Stretch): number | undefined {
    const seats = this.at.get(version);
    if (seats === undefined) return undefined;
    const taken = [...seats.values()].filter((stretches) => stretches.some((one) => one.from < to && from < one.to)).length;
    return smallestClass(this.train).places - taken;
  }

  async #sell(): Promise<void> {
    await this.#note();
    for (let round = 0; !this.#ending; round += 1) {
      const oldest = this.#held[0];
      if (oldest !== undefined && (round % 3 === 2 || this.#held.length > 12)) await this.#giveBack(oldest);
      else await this.#buy(round);
    }
  }

  async #buy(round: number): Promise<void> {
    const stretch = trip(this.train, round * 7, round * 5 + 1);
    const id = randomUUID();
    const hold = await all.buy(this.train, stretch, id);
    if (hold !== undefined) {
      const { coachNo, seatNo } = hold.seats[0]!.seat!;
      const seat = `${coachNo} ${seatNo}`;
      this.#held.push({ id, seat, stretch });
      this.#seats.set(seat, [...(this.#seats.get(seat) ?? []), stretch]);
    }
    await this.#note();
  }

  async #giveBack(one: { id: string; seat: string; stretch: Stretch }): Promise<void> {
    this.#held.shift();
    await all.giveBack(this.train, one.id);
    this.#seats.set(one.seat, this.#seats.get(one.seat)!.filter((stretch) => stretch !== one.stretch));
    await this.#note();
  }

  /** Nobody else changes the run, so its version now is that of the last change. */
  async #note(): Promise<void> {
    this.at.set(await all.versionOf(this.train), new Map(this.#seats));
  }
}

type Sample = { seller: Seller; stretch: Stretch; version: bigint; remaining: number };

/** Asks for one trip after the other until it is told to stop. */
async function look(replica: Replica, sellers: readonly Seller[], goOn: () => boolean): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; goOn(); round += 1) {
    const seller = sellers[round % sellers.length]!;
    const stretch = trip(seller.train, round * 3, round * 11 + 2);
    const offer = await replica.shown(seller.train, stretch);
    // A replica that has not heard everything yet gives what another one told a while ago, and says so.
    if (offer.saleState === SaleState.OPEN && !offer.stale) samples.push({ seller, stretch, version: offer.version, remaining: left(seller.train, offer) });
  }
  return samples;
}

const SAMPLES = 300;

test.serial('while others buy and return, each answer is true for the version it carries, also of a replica that started meanwhile', async (t) => {
  const sellers = trains.slice(0, 4).map((train) => new Seller(train));
  t.teardown(() => Promise.all(sellers.map((seller) => seller.stop())));
  await eventually(() => sellers.every(({ at }) => at.size > 5));
  // What was before the sellers' first look is in no model.
  for (const { train, at } of sellers) await eventually(async () => at.has((await all.first.shown(train, trip(train, 0, 1))).version));
  const second = await all.replica();
  const counts = [0, 0];
  const goOn = (index: number) => (): boolean => (counts[index]! += 1) <= SAMPLES;
  const samples = (await Promise.all([look(all.first, sellers, goOn(0)), look(second, sellers, goOn(1))])).flat();
  for (const seller of sellers) await seller.stop();
  const wrong = samples.filter(({ seller, stretch, version, remaining }) => seller.freeAt(version, stretch) !== remaining);
  t.deepEqual(wrong.map(({ seller, stretch, version, remaining }) => ({ run: runIdOf(seller.train), stretch, version, remaining, model: seller.freeAt(version, stretch) })), []);
  const versions = new Set(samples.map(({ seller, version }) => `${runIdOf(seller.train)} ${version}`));
  t.true(versions.size > 30, `${versions.size} versions were seen`);
  for (const { train } of sellers) {
    const stretch = { from: 0, to: train.stops.length - 1 };
    t.is(await settled(second, train, stretch), await settled(all.first, train, stretch), 'and in the end all replicas say the same');
  }
});

test.serial('with Redis, MySQL and at last inventory gone, what is known is answered, and called stale only when nobody tells any more', async (t) => {
  const train = trains[0]!;
  const stretch = { from: 0, to: train.stops.length - 1 };
  const before = await settled(all.first, train, stretch);
  await all.redis.stop();
  const without_redis = await all.first.shown(train, stretch);
  t.deepEqual([left(train, without_redis), without_redis.saleState], [before, SaleState.OPEN]);
  await all.mysql.stop();
  const without_mysql = await all.first.shown(train, stretch);
  t.deepEqual([left(train, without_mysql), without_mysql.saleState, without_mysql.stale], [before, SaleState.OPEN, false]);
  await all.world.lifecycle.stop().catch(() => undefined);
  const alone = await eventually(async () => {
    const offer = await all.first.shown(train, stretch);
    return offer.stale && offer;
  });
  t.is(left(train, alone), before);
});
