import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { RunRemainingSchema, type QuotaRemaining, type QuotaRemainingSchema, type RunRemaining as RunRemainingMessage } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { RunRemaining } from '../app/remaining.ts';
import type { QuotaCounts } from '../domain/quota_remaining.ts';
import { channelFromMessage, channelMessage, passengerTypeFromMessage, passengerTypeMessage } from './buyer_message.ts';
import { classCodeMessage } from './seat_message.ts';

export function remainingMessage({ run_id, bucket, epoch, version, open, classes }: RunRemaining): RunRemainingMessage {
  return create(RunRemainingSchema, { runId: run_id, bucket, epoch, version, open, classes: classes.map(({ class_code, remaining, quotas }) => ({ seatClass: classCodeMessage(class_code), remaining, quotas: quotas.map(quotaMessage) })) });
}

export function remainingFromMessage({ runId: run_id, bucket, epoch, version, open, classes }: RunRemainingMessage, service_date: string): RunRemaining {
  return { run_id, service_date, bucket, epoch, version, open, classes: classes.map(({ seatClass: class_code, remaining, quotas }) => ({ class_code, remaining, quotas: quotas.map(quotaCounts) })) };
}

function quotaMessage({ channel, passenger_type, remaining }: QuotaCounts): MessageInitShape<typeof QuotaRemainingSchema> {
  return { channel: channelMessage(channel), passengerType: passengerTypeMessage(passenger_type), remaining };
}

function quotaCounts({ channel, passengerType, remaining }: QuotaRemaining): QuotaCounts {
  return { channel: channelFromMessage(channel), passenger_type: passengerTypeFromMessage(passengerType), remaining };
}
