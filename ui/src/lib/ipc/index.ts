// Chooses the console behind this page, once, at the start.

import type { Backend } from './backend';
import { insideDesktopWindow, TauriBackend } from './tauri';
import { WebBackend } from './web';

export { LOCAL, ProblemError, problemOf, type Backend, type Line, type ReplyOf } from './backend';

export async function chooseBackend(): Promise<Backend> {
  if (__FAKE__) {
    const scenario = new URLSearchParams(location.search).get('fake');
    if (scenario !== null) {
      const { FakeBackend } = await import('./fake');
      return new FakeBackend(scenario);
    }
  }
  return insideDesktopWindow() ? new TauriBackend() : new WebBackend();
}
