//! Do two answers say the same? What is asked where nobody said how to find out.

use serde::Serialize;
use serde_json::Value;

use super::vector::{cosine, direction};

/// Answers whose vectors are so much alike say the same.
pub(super) const ALIKE: f32 = 0.9;

/// What one look at two answers says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    Same,
    Different,
    /// The words differ: the vectors of these two texts have to say it.
    Unsure(String, String),
}

/// Compares the words of two answers, in order, without case and punctuation. Where words with digits in them differ,
/// the answers do: vectors hardly tell prices and dates apart.
pub(super) fn look<T: Serialize>(one: &T, other: &T) -> Look {
    let (one, other) = (text_of(one), text_of(other));
    let (a, b) = (words(&one), words(&other));
    if a == b {
        return Look::Same;
    }
    let figures = |words: &[String]| {
        let mut figures: Vec<String> =
            words.iter().filter(|word| word.chars().any(char::is_numeric)).cloned().collect();
        figures.sort_unstable();
        figures
    };
    if figures(&a) == figures(&b) { Look::Unsure(one, other) } else { Look::Different }
}

/// Do the vectors of two answers say the same? Nothing, if one has no direction.
pub(super) fn are_alike(one: Vec<f32>, other: Vec<f32>) -> Option<bool> {
    let (one, other) = (direction(one)?, direction(other)?);
    Some(one.len() == other.len() && cosine(&one, &other) >= ALIKE)
}

/// All texts and numbers in a value, in order.
fn text_of<T: Serialize>(value: &T) -> String {
    fn gather(value: &Value, out: &mut String) {
        match value {
            Value::Null => {}
            Value::String(text) => {
                out.push_str(text);
                out.push(' ');
            }
            Value::Array(items) => items.iter().for_each(|item| gather(item, out)),
            Value::Object(fields) => fields.values().for_each(|field| gather(field, out)),
            Value::Bool(_) | Value::Number(_) => {
                out.push_str(&value.to_string());
                out.push(' ');
            }
        }
    }
    let mut out = String::new();
    // What JSON cannot hold, such as maps without texts as keys, has no words: then only vectors could say it.
    if let Ok(value) = serde_json::to_value(value) {
        gather(&value, &mut out);
    }
    out
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_punctuation_say_nothing() {
        assert_eq!(look(&"Yes, you can.", &"yes you can"), Look::Same);
        assert_eq!(look(&("a", ["b"]), &("A", ["b!"])), Look::Same);
        assert!(matches!(look(&"Yes.", &"No."), Look::Unsure(..)));
    }

    #[test]
    fn other_figures_are_another_answer() {
        assert_eq!(look(&"It costs 5 euros.", &"It costs 6 euros."), Look::Different);
        assert_eq!(look(&5, &6), Look::Different);
        assert!(matches!(look(&"5 euros, he said", &"he said: 5 euros"), Look::Unsure(..)));
    }

    #[test]
    fn vectors_decide_where_words_do_not() {
        assert_eq!(are_alike(vec![1.0, 0.1], vec![2.0, 0.0]), Some(true));
        assert_eq!(are_alike(vec![1.0, 0.0], vec![0.0, 1.0]), Some(false));
        assert_eq!(are_alike(vec![1.0], vec![1.0, 0.0]), Some(false));
        assert_eq!(are_alike(vec![0.0], vec![1.0]), None);
    }
}
