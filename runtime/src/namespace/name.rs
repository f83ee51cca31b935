//! What names values within a namespace.

use crate::key::{KeyPart, KeyWriter};

/// A name within a namespace.
pub trait Name {
    /// Writes the name's segments.
    fn write_name(&self, out: &mut KeyWriter);
}

impl Name for str {
    fn write_name(&self, out: &mut KeyWriter) {
        for (i, segment) in self.split(':').enumerate() {
            if i > 0 {
                out.literal(":");
            }
            out.part(segment);
        }
    }
}

impl Name for String {
    fn write_name(&self, out: &mut KeyWriter) {
        self.as_str().write_name(out);
    }
}

impl<N: Name + ?Sized> Name for &N {
    fn write_name(&self, out: &mut KeyWriter) {
        (**self).write_name(out);
    }
}

macro_rules! name {
    ($($one:ty),*; $(($($t:ident $i:tt),*)),*) => {
        $(impl Name for $one {
            fn write_name(&self, out: &mut KeyWriter) {
                out.part(self);
            }
        })*
        $(impl<$($t: KeyPart),*> Name for ($($t,)*) {
            fn write_name(&self, out: &mut KeyWriter) {
                $(if $i > 0 { out.literal(":"); }
                out.part(&self.$i);)*
            }
        })*
    };
}

name!(u16, u32, u64, u128, usize, i16, i32, i64, i128, isize;
    (A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3), (A 0, B 1, C 2, D 3, E 4));
