//! The client side of the gateway: HTTP, the feed that resumes, and where
//! files lie.
//!
//! Out of scope: proofs and signatures. What comes from here is well-formed,
//! not true; `vidimus-mirror` and `vidimus-verify` check it.
//!
//! Specification: `docs/spec/feed.md` and `vidimus_protocol::api`.

pub mod base_url;
pub mod feed;
pub mod gateway;
pub mod home;
pub mod private;
pub mod profile;
pub mod tls;
pub mod token;

pub use base_url::{BaseUrl, BaseUrlError};
pub use feed::{Feed, FeedEvent};
pub use gateway::{ClientError, Gateway};
pub use home::Home;
pub use profile::AgentProfile;
pub use tls::TlsError;
pub use token::{Token, TokenError};
