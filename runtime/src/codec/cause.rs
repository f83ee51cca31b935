//! Why a format failed, in words of our own: the formats' own sentences quote the value.

pub(super) fn postcard(error: &postcard::Error) -> &'static str {
    match error {
        postcard::Error::DeserializeUnexpectedEnd => "the payload is cut short",
        postcard::Error::SerdeSerCustom | postcard::Error::SerdeDeCustom => "refused by the type itself, or too deep",
        _ => "the bytes are of another type",
    }
}

pub(super) fn msgpack(error: &rmp_serde::decode::Error) -> &'static str {
    use rmp_serde::decode::Error;
    match error {
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => "the payload is cut short",
        Error::DepthLimitExceeded => "nested too deep",
        Error::Uncategorized(_) | Error::Syntax(_) => "refused by the type itself, or too deep",
        _ => "the bytes are of another type",
    }
}

pub(super) fn msgpack_encode(error: &rmp_serde::encode::Error) -> &'static str {
    use rmp_serde::encode::Error;
    match error {
        Error::DepthLimitExceeded => "nested too deep",
        Error::UnknownLength => "a collection of unknown length",
        _ => "refused by the type itself",
    }
}

pub(super) fn json(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Io => "the text could not be written",
        Category::Syntax => "not JSON, or a key that is not text",
        Category::Data => "refused by the type itself, or too deep",
        Category::Eof => "the payload is cut short",
    }
}
