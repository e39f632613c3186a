import { escapeHtml, page } from '../shared/html.ts';
import type { Trade } from './book.ts';

const STATES: Record<Trade['state'], string> = { OPEN: '待支付 · waiting for payment', PAID: '已支付 · paid', CLOSED: '已关闭 · closed' };

/** The page a traveller is sent to. Buttons are plain forms: it works without scripts, as a bank's page does. */
export function cashierPage(trade: Trade, now_ms: number): string {
  const open = trade.state === 'OPEN' && trade.expire_time_ms > now_ms;
  const action = `/cashier/${encodeURIComponent(trade.gateway_trade_no)}`;
  const buttons = open
    ? `<form method="post" action="${action}/pay"><button data-testid="cashier-pay" autofocus>支付 Pay ${yuan(trade.amount_fen)}</button></form>
       <form method="post" action="${action}/leave"><button data-testid="cashier-leave">返回商户 Back without paying</button></form>`
    : `<form method="post" action="${action}/leave"><button data-testid="cashier-leave">返回商户 Back to the shop</button></form>`;
  const style = '<style>form{display:inline-block;margin:1rem 1rem 0 0}button{font:inherit;padding:.8rem 1.4rem;border-radius:.5rem;border:1px solid #888;cursor:pointer}form:first-of-type button{background:#1668dc;color:#fff;border:0}</style>';
  return page(
    `收银台 Cashier · ${trade.channel}`,
    `${style}<table><tr><th>订单 Order</th><td>${escapeHtml(trade.subject)}</td></tr><tr><th>金额 Amount</th><td data-testid="cashier-amount">${yuan(trade.amount_fen)}</td></tr>
     <tr><th>状态 State</th><td data-testid="cashier-state">${STATES[trade.state]}</td></tr><tr><th>流水号 Number</th><td>${escapeHtml(trade.gateway_trade_no)}</td></tr></table>${buttons}`,
  );
}

function yuan(amount_fen: number): string {
  return `¥${(amount_fen / 100).toFixed(2)}`;
}
