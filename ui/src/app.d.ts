/** Whether the fake backend is compiled in: dev and test builds only. */
declare const __FAKE__: boolean;
