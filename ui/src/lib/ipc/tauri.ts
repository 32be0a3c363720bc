// The desktop window: commands and a channel of events over Tauri's bridge.

import { Channel, invoke } from '@tauri-apps/api/core';
import { ProblemError, problemOf, type Backend, type Line } from './backend';
import type { Command, Reply, Told } from './types';

/** Whether this page is shown in the desktop window. */
export function insideDesktopWindow(): boolean {
  return '__TAURI_INTERNALS__' in window;
}

export class TauriBackend implements Backend {
  async send(gateway: string, command: Command): Promise<Reply> {
    try {
      return await invoke<Reply>('console_command', { gateway, command });
    } catch (refusal) {
      throw new ProblemError(problemOf(refusal));
    }
  }

  listen(onTold: (told: Told) => void, onLine: (line: Line) => void): void {
    const channel = new Channel<Told>();
    channel.onmessage = onTold;
    const attempt = (waitMs: number): void => {
      invoke('console_events', { channel }).then(
        () => onLine({ is: 'open' }),
        () => {
          onLine({ is: 'lost', retryAtUnixMs: Date.now() + waitMs });
          setTimeout(() => attempt(Math.min(waitMs * 2, 10_000)), waitMs);
        },
      );
    };
    attempt(500);
  }
}
