import type { Database, Tx } from '#kit/store/mysql.ts';
import type { GuessRows, SessionRows } from '../app/ports.ts';
import type { Channel, Session } from '../domain/session.ts';
import type { Vault } from './vault.ts';

type SessionRow = { session_id: string; account_id: bigint; device_sealed: Buffer | null; channel: string; create_time: Date; revoke_time: Date | null; expire_time: Date; use_time: Date | null };

export function sessionRows(tx: Tx, vault: Vault): SessionRows {
  return {
    async insert({ session_id, account_id, device_id, channel, create_time_ms }) {
      const device_sealed = vault.seal(device_id, 'session.device', session_id);
      await tx.execute('INSERT INTO session (session_id, account_id, device_sealed, channel, create_time) VALUES (?, ?, ?, ?, ?)', [session_id, account_id, device_sealed, channel, new Date(create_time_ms)]);
    },
    async byRefreshHash(hash) {
      const [row] = await tx.execute<SessionRow>(
        `SELECT s.session_id, s.account_id, s.device_sealed, s.channel, s.create_time, s.revoke_time, t.expire_time, t.use_time
         FROM refresh_token t JOIN session s ON s.session_id = t.session_id WHERE t.token_hash = ? FOR UPDATE`,
        [hash],
      );
      if (row === undefined) return undefined;
      return { token: { session_id: row.session_id, expire_time_ms: row.expire_time.getTime(), used: row.use_time !== null }, session: toSession(row, vault) };
    },
    async addRefresh(session_id, hash, expire_time_ms) {
      await tx.execute('INSERT INTO refresh_token (token_hash, session_id, expire_time) VALUES (?, ?, ?)', [hash, session_id, new Date(expire_time_ms)]);
    },
    async useRefresh(hash, now_ms) {
      await tx.execute('UPDATE refresh_token SET use_time = ? WHERE token_hash = ?', [new Date(now_ms), hash]);
    },
    async revoke({ account_id, session_id }, now_ms) {
      const which = session_id === undefined ? '' : ' AND session_id = ?';
      const params = session_id === undefined ? [] : [session_id];
      const ended = await tx.execute(`UPDATE session SET revoke_time = ? WHERE account_id = ? AND revoke_time IS NULL${which}`, [new Date(now_ms), account_id, ...params]);
      return ended.affected_rows;
    },
  };
}

export function guessRows(tx: Tx, vault: Vault): GuessRows {
  // Whoever typed a phone number or a password into the field of the name finds it hashed here.
  const indexOf = (login_key: string) => vault.index.of('login', login_key);
  return {
    async get(login_key) {
      // A row to lock must be there before the first guess is counted, or many first guesses at once would count as one.
      // Not INSERT IGNORE: its shared lock, raised by two at once, would be a deadlock.
      await tx.execute("INSERT INTO login_guess (login_index, failures, pause_until, last_time) VALUES (?, 0, '2000-01-01', '2000-01-01') ON DUPLICATE KEY UPDATE failures = failures", [indexOf(login_key)]);
      const [row] = await tx.execute<{ failures: number; pause_until: Date; last_time: Date }>('SELECT failures, pause_until, last_time FROM login_guess WHERE login_index = ? FOR UPDATE', [indexOf(login_key)]);
      return row === undefined ? undefined : { failures: row.failures, pause_until_ms: row.pause_until.getTime(), last_time_ms: row.last_time.getTime() };
    },
    async set(login_key, { failures, pause_until_ms, last_time_ms }) {
      await tx.execute('UPDATE login_guess SET failures = ?, pause_until = ?, last_time = ? WHERE login_index = ?', [failures, new Date(pause_until_ms), new Date(last_time_ms), indexOf(login_key)]);
    },
    async clear(login_key) {
      await tx.execute('DELETE FROM login_guess WHERE login_index = ?', [indexOf(login_key)]);
    },
  };
}

/** Deletes what is of no use any more, in bounded batches: expired tokens, their sessions after a year, old guesses. */
export async function pruneSessions(db: Database, limit = 5000): Promise<number> {
  const statements = [
    'DELETE FROM refresh_token WHERE expire_time < UTC_TIMESTAMP(3) - INTERVAL 1 DAY LIMIT ?',
    'DELETE FROM session WHERE create_time < UTC_TIMESTAMP(3) - INTERVAL 365 DAY LIMIT ?',
    'DELETE FROM login_guess WHERE last_time < UTC_TIMESTAMP(3) - INTERVAL 2 DAY LIMIT ?',
  ];
  let deleted = 0;
  for (const sql of statements) deleted += (await db.query(sql, [limit])).affected_rows;
  return deleted;
}

function toSession(row: SessionRow, vault: Vault): Session {
  return {
    session_id: row.session_id,
    account_id: row.account_id,
    device_id: vault.open(row.device_sealed, 'session.device', row.session_id) ?? '',
    channel: row.channel as Channel,
    create_time_ms: row.create_time.getTime(),
    revoke_time_ms: row.revoke_time?.getTime(),
  };
}
