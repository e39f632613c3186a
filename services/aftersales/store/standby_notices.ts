/** What travellers are still to be told of standbys that have no order to speak for them: written with what happened, kept until it was told. */
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { StandbyNews } from '../app/standby_ports.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

export const STANDBY_NOTICE_TABLE = `CREATE TABLE IF NOT EXISTS standby_notice (
  standby_id BIGINT NOT NULL,
  news VARCHAR(12) ${TEXT} NOT NULL,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  PRIMARY KEY (standby_id, news),
  KEY standby_notice_due (next_action_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`;

/** In the transaction of what is news; each once. */
export async function noteNews(tx: Tx, standby_id: bigint, news: StandbyNews): Promise<void> {
  await tx.execute('INSERT INTO standby_notice (standby_id, news, next_action_time) VALUES (?, ?, UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE standby_id = standby_id', [standby_id, news]);
}

/** It was told: the row goes. */
export async function newsTold(db: Database, standby_id: bigint, news: StandbyNews): Promise<void> {
  await db.query('DELETE FROM standby_notice WHERE standby_id = ? AND news = ?', [standby_id, news]);
}
