import { expect, it } from 'vitest';
import { pageLink } from './page-link';

const GATEWAY = 'http://localhost:8443';

it('links to the gateway’s own pages only', () => {
  expect(pageLink('http://localhost:8443/key/A1', GATEWAY)).toBe('http://localhost:8443/key/A1');
  expect(pageLink('http://localhost:9999/key/A1', GATEWAY)).toBeNull();
  expect(pageLink('http://localhost:8443@evil.example/', GATEWAY)).toBeNull();
  expect(pageLink('javascript:alert(1)', GATEWAY)).toBeNull();
  expect(pageLink('javascript:alert(1)', 'javascript:1')).toBeNull();
  expect(pageLink('not an address', GATEWAY)).toBeNull();
  expect(pageLink(null, GATEWAY)).toBeNull();
});
