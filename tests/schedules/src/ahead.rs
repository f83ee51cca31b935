//! Nothing is loaded ahead here.

#[derive(Debug)]
pub(crate) enum Brought {}

impl Brought {
    pub(crate) const fn used(&self) {
        match *self {}
    }
}
