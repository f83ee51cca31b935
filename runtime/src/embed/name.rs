//! What a text is called in keys: by what is asked for it, and by its hash.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::precision::Precision;
use crate::key::{KeyWriter, Secret};
use crate::namespace::Name;

/// Keeps these hashes apart from others of the same secret.
const PURPOSE: &[u8] = b"cached text 1";

/// SHA-256 of a text, and of the cache's secret.
///
/// Hashed twice: the outer hash is of a fixed length, so that who has one digest cannot go on from it to those of
/// longer texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(secret: Secret, text: &str) -> Self {
        let mut outer = Sha256::new();
        outer.update(PURPOSE);
        outer.update(secret.0);
        outer.update(Sha256::digest(text.as_bytes()));
        Self(outer.finalize().into())
    }
}

/// The name of a text's vector: `2:f16:9f86d0..`, below the namespace of its model.
#[derive(Clone)]
pub(super) struct TextName {
    /// What is asked for: version, precision, and dimensions and tags if they were said.
    pub(super) asked_for: Arc<str>,
    pub(super) digest: Digest,
}

impl Name for TextName {
    fn write_name(&self, out: &mut KeyWriter) {
        out.literal(&self.asked_for).literal(":");
        for byte in self.digest.0 {
            out.plain(format_args!("{byte:02x}"));
        }
    }
}

/// What is asked for, as it stands in names. Tags are part of it: who says a tag must find no vector that has been kept
/// without it, by another handle, node or process, for that one would escape an invalidation.
pub(super) fn asked_for(version: u32, precision: Precision, dimensions: Option<usize>, tags: &[String]) -> Arc<str> {
    let mut out = format!("{version}:{}", precision.word());
    // Writing to a String does not fail.
    if let Some(dimensions) = dimensions {
        let _written = write!(out, "x{dimensions}");
    }
    if let Some(hash) = hash_of(tags) {
        let _written = write!(out, "-{hash:016x}");
    }
    out.into()
}

/// A hash of these tags, whose order and number make no difference; nothing, if there are none.
fn hash_of(tags: &[String]) -> Option<u64> {
    let mut tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    tags.sort_unstable();
    tags.dedup();
    let mut hash = Sha256::new();
    for tag in &tags {
        hash.update((tag.len() as u64).to_le_bytes());
        hash.update(tag);
    }
    let first = hash.finalize().first_chunk().copied().map(u64::from_le_bytes);
    first.filter(|_| !tags.is_empty())
}

/// The namespace of a model: `embed.` and its id. What no namespace holds, such as colons, becomes `!` and two digits.
pub(super) fn namespace_of(id: &str) -> String {
    let mut name = "embed.".to_owned();
    for c in id.chars() {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '/' | '+' | '$' | '&') {
            name.push(c);
        } else {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| name.push_str(&format!("!{byte:02X}")));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::check_namespace;

    fn name(text: &str, secret: Secret) -> String {
        let mut out = KeyWriter::new(secret);
        let digest = Digest::of(secret, text);
        TextName { asked_for: asked_for(2, Precision::F16, Some(384), &[]), digest }.write_name(&mut out);
        out.as_str().to_owned()
    }

    #[test]
    fn a_name_says_what_is_asked_for_and_not_the_text() {
        let name = name("to be or not to be", Secret::default());
        let hash = name.strip_prefix("2:f16x384:").expect("version, precision, dimensions");
        assert_eq!(hash.len(), 64);
        assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(&*asked_for(0, Precision::I8, None, &[]), "0:i8");
    }

    #[test]
    fn other_tags_are_another_name_and_another_order_is_none() {
        let of = |tags: &[&str]| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            asked_for(0, Precision::F32, None, &tags)
        };
        assert_eq!(of(&["a", "b"]), of(&["b", "a", "b"]));
        let all = [of(&[]), of(&[""]), of(&["a"]), of(&["a", "b"]), of(&["ab"]), of(&["b"])];
        assert!((1..all.len()).all(|i| !all[..i].contains(&all[i])), "{all:?}");
    }

    #[test]
    fn who_does_not_know_the_secret_cannot_try_texts() {
        let (public, own) = (Secret::default(), Secret([7; 16]));
        assert_ne!(name("guess me", public), name("guess me", own));
        assert_eq!(name("guess me", own), name("guess me", own));
    }

    #[test]
    fn ids_of_all_sorts_are_namespaces_and_told_apart() {
        let ids =
            ["all-MiniLM-L6-v2", "nomic-embed-text:latest", "a b", "a!20b", "a:b", "a%3Ab", "org/model", "模型", "\0"];
        let names: Vec<String> = ids.iter().map(|id| namespace_of(id)).collect();
        assert_eq!(names[1], "embed.nomic-embed-text!3Alatest");
        for (i, name) in names.iter().enumerate() {
            check_namespace("id", name).expect("a namespace");
            assert!(!names[..i].contains(name), "{name} stands for two ids");
        }
    }
}
