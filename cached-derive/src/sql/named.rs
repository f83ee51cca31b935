//! Parameters with names become numbers or `?`: no database but SQLite takes names.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

/// The text with `$1`, the same with `?`, and the name at each place. `None` if a name is not where it should be.
pub(super) fn rewrite(text: &str) -> Option<(String, String, Vec<String>)> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().ok()?;
    let (mut numbered, mut in_order, mut names) = (String::new(), String::new(), Vec::new());
    let mut done = 0;
    for (at, token) in tokens.iter().enumerate() {
        // `:name` is two tokens, `$name` and `@name` are one.
        let (name, end) = match (&token.token, tokens.get(at + 1)) {
            (Token::Colon, Some(next)) if next.span.start == token.span.end => match &next.token {
                Token::Word(word) if word.quote_style.is_none() => (word.value.clone(), next.span.end),
                _ => continue,
            },
            (Token::Placeholder(name), _) => (name.trim_start_matches(['$', ':', '@']).to_owned(), token.span.end),
            _ => continue,
        };
        let (start, end) = (offset(text, token.span.start)?, offset(text, end)?);
        if !text.get(start..end)?.ends_with(&name) || start < done {
            return None;
        }
        names.push(name);
        let before = text.get(done..start)?;
        numbered.push_str(before);
        in_order.push_str(before);
        numbered.push_str(&format!("${}", names.len()));
        in_order.push('?');
        done = end;
    }
    let rest = text.get(done..)?;
    numbered.push_str(rest);
    in_order.push_str(rest);
    (!names.is_empty()).then_some((numbered, in_order, names))
}

/// Lines and columns count characters, from 1 on.
fn offset(text: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..)?;
    Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}

#[cfg(test)]
mod tests {
    use super::rewrite;

    #[test]
    fn names_become_numbers_and_marks_where_they_stand() {
        let text = "SELECT 'a:b', x::text\nFROM ä WHERE id = :id AND (n > :least OR n = :id) -- :no";
        let Some((numbered, in_order, names)) = rewrite(text) else { panic!("the names are told apart") };
        assert_eq!(numbered, "SELECT 'a:b', x::text\nFROM ä WHERE id = $1 AND (n > $2 OR n = $3) -- :no");
        assert_eq!(in_order, "SELECT 'a:b', x::text\nFROM ä WHERE id = ? AND (n > ? OR n = ?) -- :no");
        assert_eq!(names, ["id", "least", "id"]);
    }
}
