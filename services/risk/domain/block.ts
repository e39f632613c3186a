export const SUBJECT_KINDS = ['ACCOUNT', 'DEVICE', 'IP', 'PERSON'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

export type Subject = { kind: SubjectKind; value: string };

export type BlockKind = 'BLACK' | 'WHITE';

/** An entry of the black or white list. `subject_key` is the value itself for accounts and a blind index otherwise. */
export type Block = {
  block_id: string;
  kind: BlockKind;
  subject_kind: SubjectKind;
  subject_key: string;
  subject_masked: string;
  reason: string;
  created_by: string;
  create_time_ms: number;
  expire_time_ms: number | undefined;
};

/** Which list a subject is on. Black wins: a person who was blocked by name is blocked, whatever else is trusted. */
export function listedAs(blocks: readonly Pick<Block, 'kind' | 'expire_time_ms'>[], now_ms: number): BlockKind | undefined {
  const active = blocks.filter((block) => block.expire_time_ms === undefined || block.expire_time_ms > now_ms);
  if (active.some((block) => block.kind === 'BLACK')) return 'BLACK';
  return active.length > 0 ? 'WHITE' : undefined;
}

/** Enough to recognise an entry in a list, not enough to learn the value. */
export function maskSubject({ kind, value }: Subject): string {
  if (kind === 'ACCOUNT') return value;
  return value.length <= 4 ? '****' : `${value.slice(0, 2)}****${value.slice(-2)}`;
}
