/** What every bus with its consumers must do: at least once to the handler, one effect, dead letters after the last try. */
import test, { type ExecutionContext } from 'ava';

export type BusUnderTest = {
  /** Publishes an event so many times, as relays that crashed and replays of a stream do; its id. */
  publish(times: number): Promise<string>;
  /** Until nothing is left to be delivered. */
  settled(): Promise<void>;
  /** Ids of events in the order of their effects. */
  effects(): Promise<string[]>;
  /** Ids of events that became dead letters. */
  dead(): Promise<string[]>;
};

/** `fails`: how often the handling of each event fails before it succeeds. */
type Open = (t: ExecutionContext, fails: () => number) => Promise<BusUnderTest>;

const TRIES_MAX = 8;

export function busContract(name: string, open: Open): void {
  test(`${name}: an event has one effect, however often it is published`, async (t) => {
    const bus = await open(t, () => 0);
    const published = [await bus.publish(1), await bus.publish(3), await bus.publish(2)];
    await bus.settled();
    t.deepEqual((await bus.effects()).toSorted(), published.toSorted());
    t.deepEqual(await bus.dead(), []);
  });

  test(`${name}: a handling that failed is tried again, and what it had written is not there`, async (t) => {
    const bus = await open(t, () => 3);
    const published = [await bus.publish(1), await bus.publish(1)];
    await bus.settled();
    t.deepEqual((await bus.effects()).toSorted(), published.toSorted());
    t.deepEqual(await bus.dead(), []);
  });

  test(`${name}: after the last try an event is a dead letter without an effect, and others go on`, async (t) => {
    let first = true;
    const bus = await open(t, () => {
      const fails = first ? TRIES_MAX : 0;
      first = false;
      return fails;
    });
    const bad = await bus.publish(1);
    const good = await bus.publish(1);
    await bus.settled();
    t.deepEqual(await bus.effects(), [good]);
    t.deepEqual(await bus.dead(), [bad]);
  });
}
