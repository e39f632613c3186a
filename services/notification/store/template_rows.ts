import type { Database, Tx } from '#kit/store/mysql.ts';
import type { TemplateKey, TemplateRows } from '../app/ports.ts';
import type { MessageChannel, Template, TemplateState } from '../domain/template.ts';

type Row = { template_id: string; channel: string; version: bigint; state: string; title_zh: string; body_zh: string; title_en: string; body_en: string; author: string; reviewer: string };

const COLUMNS = 'template_id, channel, version, state, title_zh, body_zh, title_en, body_en, author, reviewer';

const ACTIVE = "state = 'ACTIVE'";
const ONE = 'template_id = ? AND channel = ? AND version = ?';

/** Outside of any transaction. */
export async function allActive(db: Database): Promise<Template[]> {
  return (await db.query<Row>(`SELECT ${COLUMNS} FROM template WHERE ${ACTIVE} ORDER BY template_id, channel`)).map(toTemplate);
}

/** Outside of any transaction. */
export async function oneVersion(db: Database, { template_id, channel, version }: TemplateKey): Promise<Template | undefined> {
  return (await db.query<Row>(`SELECT ${COLUMNS} FROM template WHERE ${ONE}`, [template_id, channel, version])).map(toTemplate)[0];
}

export function templateRows(tx: Tx): TemplateRows {
  const select = async (where: string, params: readonly (string | bigint)[]) => (await tx.execute<Row>(`SELECT ${COLUMNS} FROM template WHERE ${where}`, params)).map(toTemplate);
  return {
    active: () => select(`${ACTIVE} ORDER BY template_id, channel`, []),
    activeOf: (template_id) => select(`template_id = ? AND ${ACTIVE} ORDER BY channel`, [template_id]),
    version: async ({ template_id, channel, version }) => (await select(ONE, [template_id, channel, version]))[0],
    async newest(template_id, channel) {
      const [row] = await tx.execute<{ version: bigint }>('SELECT version FROM template WHERE template_id = ? AND channel = ? ORDER BY version DESC LIMIT 1 FOR UPDATE', [template_id, channel]);
      return row?.version ?? 0n;
    },
    async insert(template, now_ms) {
      const { template_id, channel, version, state, title_zh, body_zh, title_en, body_en, author, reviewer } = template;
      // Several processes may seed an empty database at once.
      await tx.execute(
        `INSERT ${author === 'system' ? 'IGNORE ' : ''}INTO template (${COLUMNS}, active_key, create_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        [template_id, channel, version, state, title_zh, body_zh, title_en, body_en, author, reviewer, state === 'ACTIVE' ? activeKey(template) : null, new Date(now_ms)],
      );
    },
    async review(template, reviewer, approve, now_ms) {
      const { template_id, channel, version } = template;
      // Takes the lock of all versions, so that of two approvals one comes second and retires the other.
      await tx.execute('SELECT version FROM template WHERE template_id = ? AND channel = ? FOR UPDATE', [template_id, channel]);
      if (approve && template.state === 'PROPOSED') {
        await tx.execute("UPDATE template SET state = 'RETIRED', active_key = NULL WHERE template_id = ? AND channel = ? AND state = 'ACTIVE'", [template_id, channel]);
      }
      const changed = await tx.execute("UPDATE template SET state = ?, active_key = ?, reviewer = ?, review_time = ? WHERE template_id = ? AND channel = ? AND version = ? AND state = 'PROPOSED'", [
        approve ? 'ACTIVE' : 'REJECTED',
        approve ? activeKey(template) : null,
        reviewer,
        new Date(now_ms),
        template_id,
        channel,
        version,
      ]);
      return changed.affected_rows === 1;
    },
  };
}

function activeKey({ template_id, channel }: Pick<Template, 'template_id' | 'channel'>): string {
  return `${template_id}/${channel}`;
}

function toTemplate(row: Row): Template {
  return { ...row, channel: row.channel as MessageChannel, state: row.state as TemplateState };
}
