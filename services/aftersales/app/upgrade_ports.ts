/** What upgrades need beside what standby and changes have. */
import type { Result } from '#kit/base/result.ts';
import type { Change, PlacePart } from '../domain/change.ts';
import type { Standby, Wish } from '../domain/standby.ts';
import type { Upgrade } from '../domain/upgrade.ts';
import type { ChangeOrders, ChangeStore, NewChange } from './change_ports.ts';
import type { ChangeDriver } from './drive_change.ts';
import type { DriverParts } from './drive_standby.ts';
import type { QuoteDeps } from './quote_change.ts';

export type UpgradeStandby = Standby & { upgrade: Upgrade };

/** All by compare-and-set on the standby; what they answer with is the standby as it is then, whoever moved it. */
export type UpgradeStore = {
  /** The change of a match, and the standby's word of it, in one transaction: of those who decide about a match at once one does. */
  begin(standby: UpgradeStandby, wanted: NewChange): Promise<Standby>;
  /** LOCKED: no change is made of this match any more. Its seats go back next. */
  refuse(standby: UpgradeStandby, reason: string): Promise<Standby>;
  /** LOCKED → PENDING, at its old place; without the wish of the match where `pass`, and FAIL when no other is left. */
  resume(standby: UpgradeStandby, pass: boolean): Promise<Standby>;
  /** LOCKED → AWAIT_PAY. */
  awaitPay(standby: UpgradeStandby): Promise<Standby>;
  /** The traveller knows what there is to know of this state: the end, or what is due. */
  told(standby: UpgradeStandby): Promise<Standby>;
};

/** Tells the traveller, once for each however often it is asked. */
export type UpgradeNotices = {
  /** What is due for the better train, and until when. */
  due(standby: UpgradeStandby, change: Change): Promise<Result<undefined>>;
  /** A train had seats and was not taken; others are waited for still. */
  passed(standby: UpgradeStandby, wish: Wish): Promise<Result<undefined>>;
  ended(standby: UpgradeStandby): Promise<Result<undefined>>;
};

export type UpgradeQuotes = Pick<QuoteDeps, 'clock' | 'timetable' | 'tickets'>;

export type UpgradeParts = DriverParts & {
  upgrades: UpgradeStore;
  changes: Pick<ChangeStore, 'find'>;
  changing: ChangeDriver;
  quotes: UpgradeQuotes;
  tickets_of: Pick<ChangeOrders, 'find'>;
  /** The places of a match. HOLD_EXPIRED when they are not held any more. */
  held: (standby: Standby, wish: Wish) => Promise<Result<ReadonlyMap<number, readonly PlacePart[]>>>;
  notices: UpgradeNotices;
};
