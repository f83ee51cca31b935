//! The questions as generated code asks them. Method lookup picks the answer with the most references that the return
//! type allows, so a question begins with as many `&` as its most special answer needs.
//!
//! Not public API: used by generated code through `__private`.

/// The shape of a return type: `Ok`, `Some`, `Ok(Some)` or the whole are kept.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind {
    ($ret:ty) => {{
        use $crate::__private::{Kind0 as _, Kind1 as _, Kind2 as _, Kind3 as _};
        $crate::__cached_shape!($ret, (&&&&$crate::__private::Probe::<$ret>::new()).kind())
    }};
}

/// With `cache_none`.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_none {
    ($ret:ty) => {{
        use $crate::__private::{None0 as _, None1 as _, None2 as _};
        let shape = (&&&$crate::__private::Probe::<$ret>::new()).kind_none();
        $crate::__cached_shape!($ret, $crate::__private::says_none::<$ret, _>(shape))
    }};
}

/// With `cache_err`.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_err {
    ($ret:ty) => {{
        use $crate::__private::{Err0 as _, Err1 as _, Err2 as _};
        let shape = (&&&$crate::__private::Probe::<$ret>::new()).kind_err();
        $crate::__cached_shape!($ret, $crate::__private::says_err::<$ret, _>(shape))
    }};
}

/// With both.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_none_err {
    ($ret:ty) => {{
        use $crate::__private::{Both0 as _, Both1 as _};
        let shape = (&&$crate::__private::Probe::<$ret>::new()).kind_none_err();
        let shape = $crate::__private::says_none::<$ret, _>(shape);
        $crate::__cached_shape!($ret, $crate::__private::says_err::<$ret, _>(shape))
    }};
}

/// A shape whose values can be kept and handed on.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_shape {
    ($ret:ty, $shape:expr) => {
        $crate::__private::given::<$ret, _>($crate::__private::kept::<$ret, _>($shape))
    };
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

/// Did the body succeed?
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_succeeded {
    ($ret:ty, $result:expr) => {{
        use $crate::__private::{Succeeded0 as _, Succeeded1 as _};
        (&&$crate::__private::Probe::<$ret>::new()).succeeded($result)
    }};
}
