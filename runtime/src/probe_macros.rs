//! The questions as generated code asks them. Method lookup picks the answer with the most references that the type
//! allows, so a question begins with as many `&` as its most special answer needs.
//!
//! Not public API: used by generated code through `__private`.

/// An argument as a part of a key.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_part {
    ($argument:expr) => {{
        use $crate::__private::{Part0 as _, Part1 as _};
        (&&$crate::__private::Argument($argument)).part()
    }};
}

/// The name of the database that is asked.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_source {
    ($argument:expr, $otherwise:expr) => {{
        use $crate::__private::{Source0 as _, Source1 as _};
        (&&$crate::__private::Argument($argument)).name($otherwise)
    }};
}

/// An argument that may be a database as a part of a key: by its name, or as it is.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_identity {
    ($argument:expr) => {{
        use $crate::__private::{Identity0 as _, Part0 as _, Part1 as _};
        (&&&$crate::__private::Argument($argument)).part()
    }};
}

/// An argument that has no say in a query.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_skippable {
    ($argument:expr) => {{
        use $crate::__private::{Skipped0 as _, Skipped1 as _};
        (&&$crate::__private::Argument($argument)).skippable()
    }};
}

/// The cache for what the database answers.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_which {
    ($argument:expr, $said:expr) => {{
        use $crate::__private::{Source0 as _, Source1 as _};
        (&&$crate::__private::Argument($argument)).which($said)
    }};
}

/// What a query answers, made as the return type says.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_ask {
    ($ret:ty, $db:expr, $sql:expr, $values:expr) => {{
        use $crate::__private::query::{
            Rows0 as _, Rows1 as _, Rows2 as _, Rows3 as _, Rows4 as _, Rows5 as _, Rows6 as _, Rows7 as _,
        };
        let __db = $crate::__private::query::database($db);
        let __how = (&&&&&&&&$crate::__private::query::Rows::<_, $ret>::of(__db)).how();
        $crate::__private::query::ask(__db, $sql, $values, __how).await
    }};
}

/// The shape of a return type: `Ok`, `Some`, `Ok(Some)` or the whole are kept.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind {
    ($ret:ty) => {{
        use $crate::__private::{Kind0 as _, Kind1 as _, Kind2 as _, Kind3 as _};
        $crate::__cached_kept!($ret, (&&&&$crate::__private::Probe::<$ret>::new()).kind())
    }};
}

/// With `cache_none`.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_none {
    ($ret:ty) => {{
        use $crate::__private::{None0 as _, None1 as _, None2 as _};
        $crate::__cached_kept!($ret, (&&&$crate::__private::Probe::<$ret>::new()).kind_none())
    }};
}

/// With `cache_err`.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_err {
    ($ret:ty) => {{
        use $crate::__private::{Err0 as _, Err1 as _, Err2 as _};
        $crate::__cached_kept!($ret, (&&&$crate::__private::Probe::<$ret>::new()).kind_err())
    }};
}

/// With both.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_none_err {
    ($ret:ty) => {{
        use $crate::__private::{Both0 as _, Both1 as _};
        $crate::__cached_kept!($ret, (&&$crate::__private::Probe::<$ret>::new()).kind_none_err())
    }};
}

/// A shape whose values near can keep.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kept {
    ($ret:ty, $shape:expr) => {{
        use $crate::__private::{Kept0 as _, Kept1 as _};
        (&&$crate::__private::Asked::<$ret, _>::about($shape)).kept()
    }};
}

/// All tiers, if the values of this shape can leave the process.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_framed {
    ($ret:ty, $shape:expr) => {{
        use $crate::__private::{Framed0 as _, Framed1 as _};
        (&&$crate::__private::Asked::<$ret, _>::about($shape)).depth()
    }};
}

/// How a result is given to all who wait: by a clone, if it has one.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_share {
    ($ret:ty) => {{
        use $crate::__private::{Shared as _, Unshared as _};
        (&&$crate::__private::Probe::<$ret>::new()).share()
    }};
}

/// The way of calls with this return type into the runtime.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_open {
    ($ret:ty) => {{
        use $crate::__private::{Open0 as _, Open1 as _};
        (&&$crate::__private::Probe::<$ret>::new()).open()
    }};
}

/// A copy of a borrowed argument, made on a miss only.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_own {
    ($argument:expr) => {{
        use $crate::__private::{Own0 as _, Own1 as _};
        (&&$crate::__private::Argument($argument)).own()
    }};
}

/// The same of an argument that may be left out.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_own_option {
    ($argument:expr) => {{
        use $crate::__private::{OwnOption0 as _, OwnOption1 as _};
        (&&$crate::__private::Optional($argument)).own()
    }};
}

/// Did the body succeed?
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_succeeded {
    ($ret:ty, $result:expr) => {{
        use $crate::__private::{Succeeded0 as _, Succeeded1 as _};
        (&&$crate::__private::Probe::<$ret>::new()).succeeded($result)
    }};
}

/// Did a call of a warm-up fail, and what does it say?
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_told {
    ($answer:expr) => {{
        use $crate::__private::{Told0 as _, Told1 as _, Told2 as _};
        (&&&$crate::__private::Answer($answer)).told()
    }};
}
