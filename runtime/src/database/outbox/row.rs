//! What a row says: a line for its form, and one for each group.

use crate::group::Group;

/// The form.
const FORM: &str = "1";
/// What is longer, in bytes, becomes the whole database.
const LONGEST: usize = 16 << 10;

/// Nothing for no groups.
pub(super) fn write<'g>(groups: impl IntoIterator<Item = &'g Group>, all: &Group) -> Option<String> {
    let mut lines: Vec<String> = groups.into_iter().map(Group::to_text).collect();
    if lines.is_empty() {
        return None;
    }
    lines.sort_unstable();
    let long = lines.iter().map(|line| line.len() + 1).sum::<usize>() > LONGEST;
    if long || lines.iter().any(|line| line.contains('\n')) {
        lines = vec![all.to_text()];
    }
    Some(format!("{FORM}\n{}", lines.join("\n")))
}

/// Nothing if it is not of this form, or names what is not this database's.
pub(super) fn read(text: &str, all: &Group) -> Option<Vec<Group>> {
    let Group::Tag(database) = all else { return None };
    let mut lines = text.lines();
    if lines.next() != Some(FORM) {
        return None;
    }
    let groups = lines.map(|line| match Group::from_text(line) {
        Ok(Group::Tag(tag)) => {
            let rest = tag.strip_prefix(&**database)?;
            (rest.is_empty() || rest.starts_with(':')).then_some(Group::Tag(tag))
        }
        _ => None,
    });
    groups.collect::<Option<Vec<_>>>().filter(|groups| !groups.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, read, write};
    use crate::group::Group;

    /// Written and read.
    fn again(groups: &[Group], all: &Group) -> Option<Vec<Group>> {
        write(groups, all).and_then(|text| read(&text, all))
    }

    fn tag(text: &str) -> Group {
        Group::Tag(text.into())
    }

    #[test]
    fn what_is_written_is_read() {
        let all = tag("sql:main");
        for groups in [vec![tag("sql:main")], vec![tag("sql:main:*"), tag("sql:main:video%0Aé")]] {
            assert_eq!(again(&groups, &all), Some(groups));
        }
        assert_eq!(write(&[], &all), None);
    }

    #[test]
    fn what_is_too_long_or_has_lines_is_the_whole_database() {
        let all = tag("sql:main");
        let many: Vec<Group> = (0..LONGEST / 10).map(|n| tag(&format!("sql:main:t{n}"))).collect();
        assert_eq!(again(&many, &all), Some(vec![all.clone()]));
        assert_eq!(again(&[tag("sql:main:a\nb")], &all), Some(vec![all.clone()]));
    }

    #[test]
    fn what_is_of_another_form_or_database_is_not_read() {
        let all = tag("sql:main");
        for text in [
            "",
            "1",
            "1\n",
            "2\nt:sql:main",
            "1\nt:sql:mainly",
            "1\nt:user:7",
            "1\n*:",
            "1\nt:sql:main\nx",
            "t:sql:main",
        ] {
            assert_eq!(read(text, &all), None, "{text:?}");
        }
    }
}
