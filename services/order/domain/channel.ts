/** Channels by the words of access tokens, which gray rules of settings use, too. */
import type { Channel } from './order.ts';

export function channelOf(word: string): Channel {
  return CHANNELS[word] ?? 'WEB';
}

export function channelWord(channel: Channel): string {
  return WORDS[channel];
}

const CHANNELS: Readonly<Record<string, Channel>> = { web: 'WEB', app: 'APP', mini: 'MINI_PROGRAM', counter: 'COUNTER', partner: 'PARTNER' };
const WORDS: Readonly<Record<Channel, string>> = { WEB: 'web', APP: 'app', MINI_PROGRAM: 'mini', COUNTER: 'counter', PARTNER: 'partner' };
