/** What the ledger of seats says, by plain SQL from outside of the product. */
import type { Cluster } from '../../../scripts/mesh/cluster.ts';

/** The parts of a seat that live holds have are disjoint when their sum is what they are together. */
const SOLD_TWICE = `
  SELECT run_no, class_code, seat FROM (
    SELECT h.run_no, p.class_code, p.seat, (1 << p.until) - (1 << p.since) AS mask
    FROM seat_hold h
    JOIN JSON_TABLE(h.places, '$[*]' COLUMNS (class_code INT PATH '$[1]', seat INT PATH '$[2]', since INT PATH '$[3]', until INT PATH '$[4]')) p
    WHERE h.state IN ('HELD', 'SOLD') AND p.seat >= 0
  ) AS parts
  GROUP BY run_no, class_code, seat HAVING SUM(mask) <> BIT_OR(mask)`;

/** Every seat that two live holds have on one segment, as `run class seat`; none when all is well. */
export async function oversoldSeats(mesh: Cluster): Promise<string[]> {
  const text = await mesh.kubectl(['-n', 'chunyun-data', 'exec', 'mysql-0', '--', 'sh', '-c', mariadb('chunyun_inventory'), 'sh', SOLD_TWICE]);
  return text.trim().split('\n').filter(Boolean);
}

/** The superuser's password stands in the file by which the server makes the account (scripts/mesh/secrets.ts). */
function mariadb(database: string): string {
  return `MYSQL_PWD=$(sed -n "s/.*IF NOT EXISTS 'root'@'%' IDENTIFIED BY '\\(.*\\)';/\\1/p" /etc/secret/init.sql) mariadb --no-defaults --ssl -h 127.0.0.1 -u root --batch --skip-column-names ${database} -e "$1"`;
}
