/** Who may stand in for the database: nobody whose certificate is for another host, of whatever authority. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { selfSigned } from '../../scripts/stack/certificate.ts';
import { runSql } from '../../scripts/stack/sql.ts';
import { startInfra } from '../../test/support/stack.ts';
import { StoreUnavailable } from './errors.ts';
import { openDatabase } from './mysql.ts';

const now = new Date();
const ours = selfSigned(now, 1, { common_name: 'ours', dns: ['localhost'] });
const another = selfSigned(now, 1, { common_name: 'another', dns: ['elsewhere.example.com'] });

test('over TLS a server is believed when its certificate is for its name, and by its address never', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-mysql-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const files = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  const show = ({ certificate_pem, key_pem }: typeof ours): void => {
    writeFileSync(files.certificate, certificate_pem);
    writeFileSync(files.key, key_pem);
  };
  show(another);
  const infra = await startInfra({ mysql: true, mysql_options: { tls: files } });
  t.teardown(() => infra.stop());
  const ask = async (host: string): Promise<unknown> => {
    const url = new URL(infra.mysql_url!);
    url.hostname = host;
    url.pathname = '/mysql';
    url.searchParams.set('tls', 'on');
    url.searchParams.set('ca', ours.certificate_pem + another.certificate_pem);
    const db = await openDatabase({ url: url.href, log: silentLog(), service: 'test' });
    try {
      return (await db.query("SHOW STATUS LIKE 'Ssl_version'"))[0];
    } finally {
      await db.close();
    }
  };
  const refused = await t.throwsAsync(ask('localhost'), { instanceOf: StoreUnavailable });
  t.regex(String(refused.cause), /does not match certificate's altnames/);
  show(ours);
  await runSql(infra.mysql_url!, ['FLUSH SSL']);
  t.like(await ask('localhost'), { Value: 'TLSv1.3' });
  await t.throwsAsync(ask('127.0.0.1'), { message: /needs the host by name/ });
});
