//! What one value asks of a format, found by walking it before anything is written.
//!
//! A format without names carries a value back only if what is written is, part by part, what the type's `Deserialize`
//! will read: a skipped field, a collection of unknown length or a type whose two halves disagree would be read as
//! something else. Formats with names have one blind spot of their own: `Some(None)` is written like `None`.

mod part;
mod walk;

use serde::Serialize;

use super::limits::{MAX_DEPTH, SIZELESS_ITEMS};
use super::schema::{Graph, Leaf, NodeId, ROOT, Token};
use crate::error::{Error, ErrorKind, Result};
use walk::{Halt, Walk};

/// What was found about one value.
pub(super) struct Shape<'g> {
    graph: Option<&'g Graph>,
    readable: bool,
    limit: usize,
    /// Does what is written match what will be read, part by part?
    matches: bool,
    /// Is there a nothing inside a `Some`?
    hollow: bool,
    /// Is there a number that JSON has no word for?
    wordless: bool,
    depth: usize,
    items: usize,
    /// Bytes the value needs at least, in any format.
    bytes: usize,
    /// Is the value being walked directly inside a `Some`?
    in_some: bool,
}

impl<'g> Shape<'g> {
    /// Walks a value: against its graph, if there is one, and the way a `readable` format would.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if no format brings it under `limit` bytes, [`ErrorKind::Codec`] if it nests too deep
    /// to be read back or its `Serialize` fails.
    pub(super) fn of<T: Serialize + ?Sized>(
        value: &T,
        graph: Option<&'g Graph>,
        readable: bool,
        limit: usize,
    ) -> Result<Self> {
        let mut shape = Self {
            graph,
            readable,
            limit,
            matches: graph.is_some(),
            hollow: false,
            wordless: false,
            depth: 0,
            items: 0,
            bytes: 0,
            in_some: false,
        };
        match value.serialize(Walk { shape: &mut shape, node: Some(ROOT) }) {
            Ok(()) => Ok(shape),
            Err(Halt::Large) => Err(crate::compress::too_large(limit)),
            Err(Halt::Deep) => {
                Err(Error::new(ErrorKind::Codec, "the value nests too deep to be read back").with("depth", MAX_DEPTH))
            }
            Err(Halt::Own) => Err(Error::new(ErrorKind::Codec, "the value's own Serialize failed")),
        }
    }

    /// Does a format without names carry the value back?
    pub(super) const fn fits_positional(&self) -> bool {
        self.matches && self.items <= self.bytes.saturating_add(SIZELESS_ITEMS)
    }

    /// Does MessagePack with names carry the value back?
    pub(super) const fn fits_named(&self) -> bool {
        !self.hollow
    }

    /// Does JSON carry the value back?
    pub(super) const fn fits_json(&self) -> bool {
        !self.hollow && !self.wordless
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Halt> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limit { Err(Halt::Large) } else { Ok(()) }
    }

    const fn descend(&mut self, levels: usize) -> Result<(), Halt> {
        self.depth += levels;
        if self.depth > MAX_DEPTH { Err(Halt::Deep) } else { Ok(()) }
    }

    const fn ascend(&mut self, levels: usize) {
        self.depth -= levels;
    }

    /// What will be asked for at this node, as long as all has matched so far.
    fn asked(&self, node: Option<NodeId>) -> Option<Token> {
        let graph = self.graph.filter(|_| self.matches)?;
        graph.nodes.get(node?).map(|node| node.token)
    }

    fn child(&self, node: Option<NodeId>, edge: usize) -> Option<NodeId> {
        self.graph.filter(|_| self.matches)?.child(node?, edge)
    }

    /// How many parts will be asked for.
    fn parts(&self, node: Option<NodeId>) -> Option<usize> {
        let graph = self.graph.filter(|_| self.matches)?;
        graph.nodes.get(node?).map(|node| node.children.len())
    }

    fn expect(&mut self, matches: bool) {
        self.matches &= matches;
    }

    fn leaf(&mut self, node: Option<NodeId>, leaf: Leaf, bytes: usize) -> Result<(), Halt> {
        self.in_some = false;
        self.expect(self.asked(node) == Some(Token::Leaf(leaf)));
        self.spend(bytes)
    }

    /// The body that will be read for this variant.
    fn body(&mut self, node: Option<NodeId>, index: u32, variant: &str) -> Option<NodeId> {
        self.in_some = false;
        let index = index as usize;
        let listed = matches!(self.asked(node), Some(Token::Enum(_, names)) if names.get(index) == Some(&variant));
        self.expect(listed);
        self.child(node, index)
    }
}
