import { FailureError, type Result } from '#kit/base/result.ts';
import type { Standby } from '../domain/standby.ts';
import type { StandbyNews, StandbyNotices } from './standby_ports.ts';

export type TellParts = {
  standbys: { find(standby_id: bigint): Promise<Standby | undefined> };
  notices: StandbyNotices;
  told: (standby_id: bigint, news: StandbyNews) => Promise<void>;
};

/**
 * Tells a traveller what became of a standby, for the sweeper: the row of the news is there until notification has the message, and
 * notification has one message for each key, so a crash between the two tells nothing twice. Throws when it has to be repeated.
 */
export async function tellStandby({ standbys, notices, told }: TellParts, standby_id: bigint, news: StandbyNews): Promise<void> {
  const standby = await standbys.find(standby_id);
  if (standby !== undefined) {
    const sent: Result<undefined> = news === 'ENTERED' ? await notices.entered(standby) : await notices.ended(standby);
    if (!sent.ok) throw new FailureError(sent.error);
  }
  await told(standby_id, news);
}
