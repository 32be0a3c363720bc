/** Stands in every build that holds the fake console; a test looks for it. */
export const FAKE_CONSOLE_MARKER = 'vidimus-fake-console';
