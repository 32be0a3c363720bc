//! Which browser it is: 32 random bytes in a cookie that no script and no
//! other site can use. By itself it opens nothing.

use axum::http::{HeaderMap, HeaderValue, header};
use vidimus_protocol::{Blob, Digest, sha256};

use crate::board::FrontId;

const NAME: &str = "vidimus_console";

/// A browser.
pub(super) struct Visitor(Digest);

impl Visitor {
    /// The one that the cookie names.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == NAME)
            .find_map(|(_, value)| {
                let bytes: Blob = value.parse().ok()?;
                (bytes.0.len() == 32).then(|| Self(sha256(&[b"vidimus/cookie/v1\0", &bytes.0])))
            })
    }

    /// It as a front. The cookie itself is not kept.
    pub(super) fn front(self) -> FrontId {
        FrontId::Browser(self.0)
    }
}

/// A new cookie.
pub(super) fn fresh() -> HeaderValue {
    let value = Blob(crate::act::random::<32>().to_vec());
    HeaderValue::try_from(format!(
        "{NAME}={value}; HttpOnly; SameSite=Strict; Path=/console"
    ))
    .expect("base64url is ASCII")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers
    }

    #[test]
    fn a_browser_is_known_by_its_cookie_and_by_nothing_shorter() {
        let cookie = fresh();
        let text = cookie.to_str().unwrap();
        for rule in ["HttpOnly", "SameSite=Strict", "Path=/console"] {
            assert!(text.contains(rule));
        }
        let pair = text.split(';').next().unwrap();
        let known = Visitor::of(&with(&format!("other=1; {pair}")))
            .unwrap()
            .front();
        assert_eq!(known, Visitor::of(&with(pair)).unwrap().front());
        assert_ne!(
            known,
            Visitor::of(&with(fresh().to_str().unwrap()))
                .unwrap()
                .front()
        );
        assert!(Visitor::of(&with("vidimus_console=AAAA")).is_none());
        assert!(Visitor::of(&HeaderMap::new()).is_none());
    }
}
