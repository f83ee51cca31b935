//! What a function answers that is asked for several at once: taken apart into an answer for each, and put together again.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

/// The answer of a function with `batch`: a map or pairs by what was asked for, or one `Option` for each in order; or a
/// `Result` of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which answer belongs to which element of the batch",
    label = "cannot be taken apart",
    note = "return a `HashMap<Id, V>`, a `BTreeMap<Id, V>`, a `Vec<(Id, V)>`, or, in order, a `Vec<Option<V>>`; or a `Result` of one"
)]
pub trait Batched<T>: Sized {
    /// The answer for one: an `Option`, or a `Result` of one.
    type One;

    /// An answer for each of these, which are told apart.
    fn apart(self, ids: &[T]) -> Apart<Self::One>;

    /// The answers again as the function gives them: each with what it was asked for, in order.
    fn together(answers: Vec<(T, Self::One)>) -> Self;

    /// There is nothing for one.
    fn absent() -> Self::One;

    /// Is it a failure, which stands for all?
    fn is_failure(one: &Self::One) -> bool;
}

/// What an answer came to.
#[derive(Debug)]
pub enum Apart<R> {
    /// One for each, in order; and how many more nobody has asked for.
    Each(Vec<R>, usize),
    /// It failed for all.
    Failed(R),
    /// Nobody can tell which belongs to what.
    Misfit(Misfit),
}

/// Why answers cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// In order, and so many, which is not as many as were asked for.
    InOrder(usize),
    /// There are several for one.
    Repeated,
}

/// The one answer of a batch of one.
pub fn only<T, B: Batched<T>>(ids: &[T; 1], batched: B) -> B::One {
    match batched.apart(ids) {
        Apart::Each(mut each, _) => each.pop().unwrap_or_else(B::absent),
        Apart::Failed(failure) => failure,
        // What the body gave was taken apart before: here it is together again, one for one.
        Apart::Misfit(_) => B::absent(),
    }
}

/// Several answers that cannot fail.
pub trait Several<T>: Sized {
    /// What there may be for one.
    type Value;

    /// What there is for each of these.
    fn each(self, ids: &[T]) -> Apart<Option<Self::Value>>;

    /// The answers again.
    fn of(answers: Vec<(T, Option<Self::Value>)>) -> Self;
}

impl<T: Eq + Hash, V, S: BuildHasher + Default> Several<T> for HashMap<T, V, S> {
    type Value = V;

    fn each(mut self, ids: &[T]) -> Apart<Option<V>> {
        let each = ids.iter().map(|id| self.remove(id)).collect();
        Apart::Each(each, self.len())
    }

    fn of(answers: Vec<(T, Option<V>)>) -> Self {
        answers.into_iter().filter_map(|(id, value)| Some((id, value?))).collect()
    }
}

impl<T: Ord, V> Several<T> for BTreeMap<T, V> {
    type Value = V;

    fn each(mut self, ids: &[T]) -> Apart<Option<V>> {
        let each = ids.iter().map(|id| self.remove(id)).collect();
        Apart::Each(each, self.len())
    }

    fn of(answers: Vec<(T, Option<V>)>) -> Self {
        answers.into_iter().filter_map(|(id, value)| Some((id, value?))).collect()
    }
}

impl<T: Eq + Hash, V> Several<T> for Vec<(T, V)> {
    type Value = V;

    /// Several for one are most likely rows of which one element has many: to keep one of them would lose the others.
    fn each(self, ids: &[T]) -> Apart<Option<V>> {
        let pairs = self.len();
        let by_id: HashMap<T, V> = self.into_iter().collect();
        if by_id.len() == pairs { by_id.each(ids) } else { Apart::Misfit(Misfit::Repeated) }
    }

    fn of(answers: Vec<(T, Option<V>)>) -> Self {
        answers.into_iter().filter_map(|(id, value)| Some((id, value?))).collect()
    }
}

impl<T, V> Several<T> for Vec<Option<V>> {
    type Value = V;

    fn each(self, ids: &[T]) -> Apart<Option<V>> {
        // One more or less may stand anywhere: what follows it would be others' answers.
        if self.len() == ids.len() { Apart::Each(self, 0) } else { Apart::Misfit(Misfit::InOrder(self.len())) }
    }

    fn of(answers: Vec<(T, Option<V>)>) -> Self {
        answers.into_iter().map(|(_, value)| value).collect()
    }
}

macro_rules! never_fails {
    ($([$($g:ident: $bound:path),*] $several:ty;)*) => {$(
        impl<T, V, $($g: $bound),*> Batched<T> for $several
        where
            Self: Several<T, Value = V>,
        {
            type One = Option<V>;

            fn apart(self, ids: &[T]) -> Apart<Option<V>> {
                self.each(ids)
            }

            fn together(answers: Vec<(T, Option<V>)>) -> Self {
                Self::of(answers)
            }

            fn absent() -> Option<V> {
                None
            }

            fn is_failure(_: &Option<V>) -> bool {
                false
            }
        }
    )*};
}

never_fails! {
    [S: BuildHasher] HashMap<T, V, S>;
    [] BTreeMap<T, V>;
    [] Vec<(T, V)>;
    [] Vec<Option<V>>;
}

impl<T, M: Several<T>, E> Batched<T> for Result<M, E> {
    type One = Result<Option<M::Value>, E>;

    fn apart(self, ids: &[T]) -> Apart<Self::One> {
        match self.map(|several| several.each(ids)) {
            Ok(Apart::Each(each, others)) => Apart::Each(each.into_iter().map(Ok).collect(), others),
            Ok(Apart::Failed(one)) => Apart::Failed(Ok(one)),
            Ok(Apart::Misfit(misfit)) => Apart::Misfit(misfit),
            Err(error) => Apart::Failed(Err(error)),
        }
    }

    fn together(answers: Vec<(T, Self::One)>) -> Self {
        let all: Result<Vec<_>, E> = answers.into_iter().map(|(id, one)| one.map(|value| (id, value))).collect();
        all.map(M::of)
    }

    fn absent() -> Self::One {
        Ok(None)
    }

    fn is_failure(one: &Self::One) -> bool {
        one.is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart<B: Batched<u8>>(batched: B) -> (Vec<B::One>, usize) {
        match batched.apart(&[3, 1, 2]) {
            Apart::Each(each, others) => (each, others),
            Apart::Failed(one) => (vec![one], 0),
            Apart::Misfit(Misfit::InOrder(count)) => (Vec::new(), count),
            Apart::Misfit(Misfit::Repeated) => (Vec::new(), usize::MAX),
        }
    }

    #[test]
    fn answers_find_what_they_were_asked_for() {
        let map = || [(1, 'a'), (3, 'c'), (9, 'z')].into_iter();
        let wanted = (vec![Some('c'), Some('a'), None], 1);
        assert_eq!(apart(map().collect::<HashMap<_, _>>()), wanted);
        assert_eq!(apart(map().collect::<BTreeMap<_, _>>()), wanted);
        assert_eq!(apart(map().collect::<Vec<_>>()), wanted);
        assert_eq!(apart(vec![Some('c'), Some('a'), None]), (vec![Some('c'), Some('a'), None], 0));
        assert_eq!(apart::<Result<Vec<Option<char>>, ()>>(Err(())), (vec![Err(())], 0));
    }

    #[test]
    fn answers_in_order_are_as_many_as_were_asked_for() {
        assert_eq!(apart(vec![Some('c'), Some('a')]), (Vec::new(), 2));
        assert_eq!(apart(Ok::<_, ()>(vec![None::<char>; 4])), (Vec::new(), 4));
    }

    #[test]
    fn several_answers_for_one_are_refused() {
        assert_eq!(apart(vec![(3, 'c'), (3, 'd')]), (Vec::new(), usize::MAX));
    }

    #[test]
    fn together_they_are_as_the_function_gives_them() {
        let answers = || vec![(3, Some('c')), (1, None), (3, Some('c'))];
        assert_eq!(HashMap::<u8, char>::together(answers()), HashMap::from([(3, 'c')]));
        assert_eq!(Vec::<(u8, char)>::together(answers()), [(3, 'c'), (3, 'c')]);
        assert_eq!(Vec::<Option<char>>::together(answers()), [Some('c'), None, Some('c')]);
        let failed = Result::<Vec<(u8, char)>, &str>::together(vec![(3, Ok(Some('c'))), (1, Err("away"))]);
        assert_eq!(failed, Err("away"));
    }
}
