//! Schemas of the values that are spelled as strings, for the description of
//! the HTTP interface. The bodies derive theirs in `api.rs`.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::bytes::{Blob, Digest};
use crate::envelope::Decimal;
use crate::id::{ActionId, AgentId, CeremonyId, ExecutorId, ReviewerId, RunId};
use crate::model::Aaguid;
use crate::time::Time;

macro_rules! text {
    ($type:ty, $name:expr, $pattern:expr, $about:literal, $format:expr, $example:expr) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                let pattern: String = $pattern.into();
                let example: String = $example.into();
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($about))
                    .pattern(Some(pattern))
                    .format($format)
                    .examples([serde_json::Value::from(example)])
                    .into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

macro_rules! id {
    ($type:ident, $about:literal) => {
        text!(
            $type,
            stringify!($type),
            // 26 characters carry 130 bits: the first uses three of its five.
            format!("^{}[0-7][0-9a-hjkmnp-tv-z]{{25}}$", $type::PREFIX),
            $about,
            None,
            format!("{}2081040g2081040g2081040g20", $type::PREFIX)
        );
    };
}

id!(ActionId, "Id of an action: 128 bits in Crockford base 32.");
id!(AgentId, "Id of an agent.");
id!(CeremonyId, "Id of a key prompt.");
id!(ExecutorId, "Id of an executor.");
id!(ReviewerId, "Id of a reviewer.");

text!(
    RunId,
    "RunId",
    "^[!-~]{1,128}$",
    "The run of an agent, in its own words: 1 to 128 visible ASCII characters. Not private.",
    None,
    "nightly-42"
);
text!(
    Digest,
    "Digest",
    "^[0-9a-f]{64}$",
    "32 bytes in lower-case hex.",
    None,
    "07".repeat(32)
);
text!(
    Aaguid,
    "Aaguid",
    "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "Authenticator attestation GUID: a UUID in lower case.",
    None,
    "876ca4f5-2071-c3e9-b255-09ef2cdf7ed6"
);
text!(
    Blob,
    "Bytes",
    "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$",
    "Bytes in base64url without padding; unused bits are zero.",
    None,
    "bm90IHRvZGF5"
);
text!(
    Time,
    "Time",
    r"^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$",
    "RFC 3339 in UTC, always with three digits of milliseconds.",
    Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)),
    "2026-11-21T09:30:00.000Z"
);
text!(
    Decimal,
    "Decimal",
    "^(0|[1-9][0-9]{0,15})$",
    "An integer below 2^53 as a decimal string.",
    None,
    "42"
);
