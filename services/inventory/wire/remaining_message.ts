import { create } from '@bufbuild/protobuf';
import { RunRemainingSchema, type RunRemaining as RunRemainingMessage } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { RunRemaining } from '../app/remaining.ts';
import { classCodeMessage } from './seat_message.ts';

export function remainingMessage({ run_id, bucket, epoch, version, open, classes }: RunRemaining): RunRemainingMessage {
  return create(RunRemainingSchema, { runId: run_id, bucket, epoch, version, open, classes: classes.map(({ class_code, remaining }) => ({ seatClass: classCodeMessage(class_code), remaining })) });
}

export function remainingFromMessage({ runId: run_id, bucket, epoch, version, open, classes }: RunRemainingMessage, service_date: string): RunRemaining {
  return { run_id, service_date, bucket, epoch, version, open, classes: classes.map(({ seatClass: class_code, remaining }) => ({ class_code, remaining })) };
}
