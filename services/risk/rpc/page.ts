import { RpcError } from '#kit/rpc/error.ts';

const DEFAULT_PAGE = 50;
const MAX_PAGE = 200;

/** 1–200; 50 where 0. */
export function pageSizeOf(asked: number): number {
  if (asked > MAX_PAGE) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `page_size is at most ${MAX_PAGE}`, metadata: { field: 'page_size' } });
  return asked === 0 ? DEFAULT_PAGE : asked;
}
