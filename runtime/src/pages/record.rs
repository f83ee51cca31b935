//! Structs that serialize themselves, and are checked when they are read.
//!
//! As serde's derive would have it, which is not cheap to build and which a program without tiers needs nowhere else.

use std::fmt;

use serde::Deserialize;
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, Visitor};

/// `Serialize` and `Deserialize` of a struct: its fields, and who makes it of them or refuses.
macro_rules! record {
    ($name:ident $(<$($g:ident),+>)? { $($field:ident: $ty:ty),* } by $build:expr) => {
        impl $(<$($g: serde::Serialize),+>)? serde::Serialize for $name $(<$($g),+>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct as _;
                let mut out = serializer.serialize_struct(stringify!($name), [$(stringify!($field)),*].len())?;
                $(out.serialize_field(stringify!($field), &self.$field)?;)*
                out.end()
            }
        }

        impl<'de $($(, $g: serde::Deserialize<'de>)+)?> serde::Deserialize<'de> for $name $(<$($g),+>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
                use $crate::pages::record::{FieldName, absent};

                const FIELDS: &[&str] = &[$(stringify!($field)),*];

                struct Fields<Record>(std::marker::PhantomData<Record>);

                impl<'de $($(, $g: serde::Deserialize<'de>)+)?> Visitor<'de> for Fields<$name $(<$($g),+>)?> {
                    type Value = $name $(<$($g),+>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("a ", stringify!($name)))
                    }

                    fn visit_seq<Seq: SeqAccess<'de>>(self, mut seq: Seq) -> Result<Self::Value, Seq::Error> {
                        $(let $field: $ty =
                            seq.next_element()?.ok_or_else(|| Seq::Error::missing_field(stringify!($field)))?;)*
                        ($build)($($field),*).map_err(Seq::Error::custom)
                    }

                    fn visit_map<Map: MapAccess<'de>>(self, mut map: Map) -> Result<Self::Value, Map::Error> {
                        $(let mut $field: Option<$ty> = None;)*
                        while let Some(name) = map.next_key_seed(FieldName(FIELDS))? {
                            match name {
                                $(Some(stringify!($field)) => $field = Some(map.next_value()?),)*
                                _ => drop(map.next_value::<IgnoredAny>()?),
                            }
                        }
                        $(let $field = match $field {
                            Some(value) => value,
                            None => absent(stringify!($field))?,
                        };)*
                        ($build)($($field),*).map_err(Map::Error::custom)
                    }
                }

                deserializer.deserialize_struct(stringify!($name), FIELDS, Fields(std::marker::PhantomData))
            }
        }
    };
}

pub(super) use record;

/// What a field is that was left out: nothing if it may be nothing, else an error.
pub(super) fn absent<'de, T: Deserialize<'de>, E: Error>(name: &'static str) -> Result<T, E> {
    let nothing: UnitDeserializer<E> = ().into_deserializer();
    T::deserialize(nothing).map_err(|_| E::missing_field(name))
}

/// Reads the name of one of these fields; others are `None`.
pub(super) struct FieldName(pub(super) &'static [&'static str]);

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_u64<E>(self, at: u64) -> Result<Self::Value, E> {
        Ok(usize::try_from(at).ok().and_then(|at| self.0.get(at).copied()))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|field| *field == name))
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|field| field.as_bytes() == name))
    }
}
