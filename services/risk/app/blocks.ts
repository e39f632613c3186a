import { fieldInvalid, type Result } from '#kit/base/result.ts';
import type { Block, SubjectKind } from '../domain/block.ts';
import type { Actor, BlockIndex, BlockStore, NewBlock } from './ports.ts';

const MAX_REASON_LENGTH = 500;

/** Active blocks in memory, read again each second: an edge asks thousands of times a second. */
export class BlockList implements BlockIndex {
  readonly #store: BlockStore;
  #by_subject = new Map<string, Block[]>();

  constructor(store: BlockStore) {
    this.#store = store;
  }

  of(kind: SubjectKind, value: string): readonly Block[] {
    if (this.#by_subject.size === 0) return [];
    return this.#by_subject.get(`${kind}:${this.#store.keyOf({ kind, value })}`) ?? [];
  }

  /** When the store is away, what is known stays. */
  async refresh(): Promise<void> {
    const blocks = await this.#store.active();
    this.#by_subject = Map.groupBy(blocks, (block) => `${block.subject_kind}:${block.subject_key}`);
  }
}

export async function addBlock(list: BlockList, store: BlockStore, block: NewBlock, actor: Actor, now_ms: number): Promise<Result<Block>> {
  if (block.subject.value === '' || block.subject.value.length > 128) return fieldInvalid('subject.value', 'must have 1 to 128 characters');
  if (block.reason === '' || block.reason.length > MAX_REASON_LENGTH) return fieldInvalid('reason', `must have 1 to ${MAX_REASON_LENGTH} characters`);
  if (block.expire_time_ms !== undefined && block.expire_time_ms <= now_ms) return fieldInvalid('expire_time', 'has passed');
  const added = await store.add(block, actor);
  if (added.ok) await list.refresh();
  return added;
}

export async function removeBlock(list: BlockList, store: BlockStore, block_id: string, actor: Actor): Promise<Result<void>> {
  const removed = await store.remove(block_id, actor);
  if (removed.ok) await list.refresh();
  return removed;
}
