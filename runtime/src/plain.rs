//! Structs of plain fields that serialize themselves.
//!
//! They serialize as serde's derive would have it, and are read back by that derive. The macro stands here because the
//! derive is not cheap to build, and a program without tiers needs none.

/// Declares a struct and its `Serialize`; with feature `tiers` also its `Deserialize`.
macro_rules! plain {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $ty:ty,)* }) => {
        $(#[$about])*
        #[cfg_attr(feature = "tiers", derive(serde::Deserialize))]
        pub struct $name {
            $($(#[$doc])* pub $field: $ty,)*
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct as _;
                let fields = [$(stringify!($field)),*].len();
                let mut out = serializer.serialize_struct(stringify!($name), fields)?;
                $(out.serialize_field(stringify!($field), &self.$field)?;)*
                out.end()
            }
        }
    };
}

pub(crate) use plain;
