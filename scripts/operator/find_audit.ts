import { timestampDate } from '@bufbuild/protobuf/wkt';
import { formatRfc3339 } from '#kit/base/time.ts';
import { Told, words } from '../say.ts';
import type { Api } from '../traveller/api.ts';
import { patiently } from '../traveller/patience.ts';
import { conditionsOf, moreLine, timeOf } from './conditions.ts';
import { table } from './table.ts';

const KEYS = ['account', 'target', 'operation', 'from', 'to', 'size', 'page'] as const;

/** Who did what to what, in all services; the newest records without conditions. */
export async function findAudit(api: Api, args: readonly string[]): Promise<string> {
  const given = conditionsOf(KEYS, args);
  const { records, nextPageToken, missingServices } = await patiently(() => api.ops.searchAudit({
    accountId: given.account ?? '', target: given.target ?? '', operation: given.operation ?? '', fromTime: timeOf(given.from), toTime: timeOf(given.to),
    pageSize: sizeOf(given.size), pageToken: given.page ?? '',
  }));
  const names = missingServices.join(', ');
  const missing = names === '' ? '' : `\n${words(`Did not answer, so that their records are missing here: ${names}. Ask for the same page again.`, `以下服务未响应，此页缺少其记录：${names}。请重新查询本页。`)}`;
  if (records.length === 0) return words('No record fits.', '没有符合条件的审计记录。') + missing;
  const rows = records.map((record) => [
    record.time === undefined ? '' : formatRfc3339(timestampDate(record.time).getTime()).slice(0, 23).replace('T', ' '),
    record.service, record.accountId, record.actor, record.operation, record.target, record.result, record.version === 0n ? '' : String(record.version),
    record.deviceMasked, record.ipMasked, record.requestId,
  ]);
  const heads = [words('TIME', '时间'), words('SERVICE', '服务'), words('ACCOUNT', '账号'), words('BY', '执行者'), words('OPERATION', '操作'), words('TARGET', '对象'), words('RESULT', '结果'), words('VERSION', '版本'), words('DEVICE', '设备'), 'IP', words('REQUEST', '请求编号')];
  return table(heads, rows) + moreLine(nextPageToken) + missing;
}

function sizeOf(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,4}$/.test(text)) throw new Told(`${text} is no size of a page`, `${text} 不是每页条数`);
  return Number(text);
}
