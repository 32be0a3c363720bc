// The one clock of the page. Countdowns derive from it, so that all of them
// turn in the same instant.

class Clock {
  /** Now, in milliseconds since the Unix epoch; renewed every quarter second. */
  now = $state(Date.now());

  /** Starts ticking. Called once by the page. */
  start(): void {
    setInterval(() => {
      this.now = Date.now();
    }, 250);
  }
}

export const theClock = new Clock();
