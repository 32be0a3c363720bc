// Which address of a key page may become a link: the gateway's own, and only
// over HTTP. Any other stays text.

/** The address as a link target, or null when it must stay text. */
export function pageLink(url: string | null, gatewayUrl: string | null): string | null {
  if (url === null || gatewayUrl === null) return null;
  const page = parse(url);
  const gateway = parse(gatewayUrl);
  if (page === null || gateway === null) return null;
  if (page.protocol !== 'http:' && page.protocol !== 'https:') return null;
  return page.origin === gateway.origin ? page.href : null;
}

function parse(address: string): URL | null {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}
