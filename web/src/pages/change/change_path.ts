import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';

/** Where a change is seen from its beginning to its end. */
export function changePath({ orderId, changeId }: Pick<Change, 'orderId' | 'changeId'>): string {
  return `/orders/${orderId}/changes/${changeId}`;
}
