//! The header fields of a response, as serde takes them.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::Octets;

/// The fields of a response. Values need not be text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fields(pub(super) HeaderMap);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), Octets(Bytes::copy_from_slice(value.as_bytes())))
        };
        self.0.iter().map(pair).collect::<Vec<(String, Octets)>>().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(String, Octets)>::deserialize(deserializer)?;
        let mut fields = HeaderMap::with_capacity(pairs.len());
        for (name, value) in pairs {
            let name = HeaderName::try_from(name).map_err(|_| D::Error::custom("a field's name is none"))?;
            let value =
                HeaderValue::from_maybe_shared(value.0).map_err(|_| D::Error::custom("a field's value is none"))?;
            fields.append(name, value);
        }
        Ok(Self(fields))
    }
}
