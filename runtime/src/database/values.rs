//! The values that a statement is given.

use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, AssertSqlSafe, Encode, SqlSafeStr as _, SqlStr, Type, TypeInfo as _};

use super::driver::Driver;
use super::key_value::KeyValue;
use crate::error::{Error, ErrorKind, Result};

/// The values of a statement's parameters, in order: a tuple of up to sixteen, `()` for none, or a slice or vector of
/// equal types.
///
/// A value is anything that sqlx can bind.
pub trait Values<'q, DB: Driver>: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// The value at this place, if rows may be told apart by it.
    #[doc(hidden)]
    fn pin(&self, index: usize) -> Option<KeyValue> {
        let _ = index;
        None
    }

    /// Adds all of them to those that are there.
    ///
    /// # Errors
    /// A [`Database`](ErrorKind::Database) error that names the first that cannot be bound.
    fn add_to(&self, arguments: &mut DB::Arguments) -> Result<()>;

    /// All of them, as the driver wants them.
    ///
    /// # Errors
    /// As [`Values::add_to`].
    fn arguments(&self) -> Result<DB::Arguments> {
        let mut arguments = DB::Arguments::default();
        self.add_to(&mut arguments)?;
        Ok(arguments)
    }

    /// Of which type each of them is.
    fn types(&self) -> Vec<DB::TypeInfo>;
}

impl<'q, DB: Driver> Values<'q, DB> for () {
    fn count(&self) -> usize {
        0
    }

    fn add_to(&self, _: &mut DB::Arguments) -> Result<()> {
        Ok(())
    }

    fn types(&self) -> Vec<DB::TypeInfo> {
        Vec::new()
    }
}

impl<'q, DB: Driver, T> Values<'q, DB> for [T]
where
    T: Encode<'q, DB> + Type<DB> + Send + Sync,
{
    fn count(&self) -> usize {
        self.len()
    }

    fn pin(&self, index: usize) -> Option<KeyValue> {
        KeyValue::bound::<DB, T>(self.get(index)?)
    }

    fn add_to(&self, arguments: &mut DB::Arguments) -> Result<()> {
        for (index, value) in self.iter().enumerate() {
            arguments.add(value).map_err(|cause| unbound(index, cause))?;
        }
        Ok(())
    }

    fn types(&self) -> Vec<DB::TypeInfo> {
        self.iter().map(of_type).collect()
    }
}

macro_rules! as_slice {
    ($([$($generic:tt)*] $list:ty),*) => {$(
        impl<'q, DB: Driver, T, $($generic)*> Values<'q, DB> for $list
        where
            T: Encode<'q, DB> + Type<DB> + Send + Sync,
        {
            fn count(&self) -> usize {
                self.len()
            }

            fn pin(&self, index: usize) -> Option<KeyValue> {
                self[..].pin(index)
            }

            fn add_to(&self, arguments: &mut DB::Arguments) -> Result<()> {
                self[..].add_to(arguments)
            }

            fn types(&self) -> Vec<DB::TypeInfo> {
                self[..].types()
            }
        }
    )*};
}

as_slice!([] Vec<T>, [] &[T], [const N: usize] [T; N]);

macro_rules! tuple {
    ($count:literal $($index:tt $value:ident)+) => {
        impl<'q, DB: Driver, $($value),+> Values<'q, DB> for ($($value,)+)
        where
            $($value: Encode<'q, DB> + Type<DB> + Send + Sync),+
        {
            fn count(&self) -> usize {
                $count
            }

            fn pin(&self, index: usize) -> Option<KeyValue> {
                match index {
                    $($index => KeyValue::bound::<DB, $value>(&self.$index),)+
                    _ => None,
                }
            }

            fn add_to(&self, arguments: &mut DB::Arguments) -> Result<()> {
                $(arguments.add(&self.$index).map_err(|cause| unbound($index, cause))?;)+
                Ok(())
            }

            fn types(&self) -> Vec<DB::TypeInfo> {
                vec![$(of_type(&self.$index)),+]
            }
        }
    };
}

tuple!(1 0 A);
tuple!(2 0 A 1 B);
tuple!(3 0 A 1 B 2 C);
tuple!(4 0 A 1 B 2 C 3 D);
tuple!(5 0 A 1 B 2 C 3 D 4 E);
tuple!(6 0 A 1 B 2 C 3 D 4 E 5 F);
tuple!(7 0 A 1 B 2 C 3 D 4 E 5 F 6 G);
tuple!(8 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H);
tuple!(9 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I);
tuple!(10 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J);
tuple!(11 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K);
tuple!(12 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K 11 L);
tuple!(13 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K 11 L 12 M);
tuple!(14 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K 11 L 12 M 13 N);
tuple!(15 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K 11 L 12 M 13 N 14 O);
tuple!(16 0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K 11 L 12 M 13 N 14 O 15 P);

fn of_type<'q, DB: Driver, T: Encode<'q, DB> + Type<DB>>(value: &T) -> DB::TypeInfo {
    value.produces().unwrap_or_else(T::type_info)
}

/// A statement that is prepared for these types, and for no others: the driver finds what it has prepared by the words
/// alone, and would send a number's bytes to where another kind of number is read.
pub(super) fn told_apart<DB: Driver>(text: SqlStr, types: &[DB::TypeInfo]) -> SqlStr {
    if types.is_empty() {
        return text;
    }
    let mut words = text.as_str().to_owned();
    // On a line of its own: the last one may end in a comment.
    words.push_str("\n/*");
    for (index, of) in types.iter().enumerate() {
        words.push_str(if index == 0 { "" } else { ", " });
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '"' | ' ');
        words.extend(of.name().chars().map(|c| if plain(c) { c } else { '?' }));
    }
    words.push_str("*/");
    AssertSqlSafe(words).into_sql_str()
}

fn unbound(index: usize, cause: BoxDynError) -> Error {
    Error::new(ErrorKind::Database, "a value cannot be bound").with("parameter", index + 1).because(cause)
}
