import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { makeApi } from '../api/api.ts';
import type { TransportFactory } from '../api/transport.ts';
import '../styles/base.css';
import '../styles/controls.css';
import '../styles/shell.css';
import { App } from './App.tsx';

/** Puts the client into `#root`; who starts it chooses how it reaches the services. */
export function startApp(makeTransport: TransportFactory): void {
  const root = document.getElementById('root');
  if (root === null) throw new Error('the page has no #root');
  createRoot(root).render(
    <StrictMode>
      <App api={makeApi(makeTransport)} />
    </StrictMode>,
  );
}
