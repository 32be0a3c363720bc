// Whether single-key shortcuts are on. People who dictate or slip need them off.

const KEY = 'vidimus.shortcuts';

class Shortcuts {
  enabled = $state(load());

  set(enabled: boolean): void {
    this.enabled = enabled;
    try {
      localStorage.setItem(KEY, enabled ? 'on' : 'off');
    } catch {
      // A browser that stores nothing still honours it until the page is left.
    }
  }
}

function load(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

export const shortcuts = new Shortcuts();
