/** What `--help` prints: the contract of the payment company and every knob that makes it misbehave. */
export const HELP = `The payment company: trades, a cashier for people, callbacks, refunds and a daily statement.

  POST /v1/trades {trade_id, channel, amount_fen, currency, subject, notify_url, return_url, expire_time_ms} -> trade with pay_url
  GET  /v1/trades/{trade_id}
  POST /v1/trades/{trade_id}/close       the trade; PAID when it was faster
  POST /v1/refunds {refund_id, trade_id, amount_fen}
  GET  /v1/refunds/{refund_id}
  GET  /v1/statements/{YYYY-MM-DD}       trades paid and refunds made on that day in Asia/Shanghai
  GET  /cashier/{gateway_trade_no}       the page; POST .../pay and .../leave are its buttons
  POST /sandbox/trades/{trade_id}/pay    pays without a page, for load and demos

Everything under /v1 is signed with RSA. The same stands under /sm2/v1, signed with SM2 and keys of its own; what was opened
through one door is unknown at the other. Callbacks go to notify_url, signed as the door is, until they are taken, also after
a restart. Idempotent by trade_id and refund_id.

Knobs: POST /sandbox/faults {"rule": {"path", "kind", "times"?, "probability"?, "delay_ms"?, "status"?}}; GET lists them with how
often each struck, DELETE (or POST /sandbox/faults/clear) removes all, or one with ?rule_id=. A path may end with *.

  path of a call (/v1/refunds, /sm2/v1/*, *)
    delay                  answers delay_ms later (1000)
    fail                   answers status (500) and does nothing
    drop                   hangs up and does nothing
    timeout_after_success  does it, then is silent for delay_ms (30000)
    bad_signature          does it, and signs the answer wrongly
    refund_refused         on /v1/refunds, /sm2/v1/refunds: refuses for good
    refund_processing      there: takes it, and is done delay_ms later
  path that is called back (/callbacks/payment/v1/alipay)
    delay, drop, bad_signature
    duplicate_callback     sends it again after it was taken, same bytes and nonce
    reorder                holds it back by delay_ms (2000), so that later ones overtake it
    wrong_amount           one fen less than was paid
    wrong_currency         USD
  path of a row of a statement (/statements/2026-01-15/{trade_id or refund_id}, /statements/*)
    statement_missing, statement_double, statement_wrong_amount, statement_stranger
`;
