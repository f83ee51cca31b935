//! The text under which tiers, journals and the shared log keep an invalidation.

use cached_runtime::group::Group;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(group) = Group::from_text(text) else { return };
    // A key that the log remembers as it does groups is the key.
    let remembered = text.strip_prefix("K:").map(|key| format!("k:{key}"));
    assert_eq!(group.to_text(), remembered.as_deref().unwrap_or(text), "read and written it is another invalidation");
    assert!(!matches!(group, Group::Everything) || text == "*:", "only one text names everything");
    let named = group.names("video:1", ["t"]);
    assert!(named || !matches!(group, Group::Everything | Group::Tagged));
}
