//! What a type looks like to a deserializer, as a graph: one node for each type, edges for what it holds.

use xxhash_rust::xxh3::Xxh3;

pub(crate) type NodeId = usize;

/// The names of fields or variants as serde's derive hands them over.
pub(crate) type Names = &'static [&'static str];

/// The root of every graph that is not empty.
pub(crate) const ROOT: NodeId = 0;

/// A value without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Leaf {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Unit,
}

/// What a type asks a deserializer for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Leaf(Leaf),
    UnitStruct(&'static str),
    Newtype(&'static str),
    Option,
    Seq,
    Map,
    /// A tuple or tuple struct (a tuple has no name), with its length.
    Tuple(&'static str, usize),
    Struct(&'static str, Names),
    Enum(&'static str, Names),
}

/// One type and, by position, what it holds; `None` where nothing was ever asked for.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) token: Token,
    pub(crate) children: Vec<Option<NodeId>>,
}

/// All types reachable from the root.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
}

impl Graph {
    pub(crate) fn child(&self, node: NodeId, edge: usize) -> Option<NodeId> {
        self.nodes.get(node)?.children.get(edge).copied().flatten()
    }

    /// A hash of the structure alone: the order in which nodes were found, addresses and paths play no part.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut canon = Canon { graph: self, numbers: vec![None; self.nodes.len()], next: 0, hash: Xxh3::new() };
        canon.visit(ROOT);
        canon.hash.digest()
    }
}

/// Walks the graph in the order of its edges, numbering nodes at first sight and naming them by number afterwards.
struct Canon<'g> {
    graph: &'g Graph,
    numbers: Vec<Option<u64>>,
    next: u64,
    hash: Xxh3,
}

impl Canon<'_> {
    fn visit(&mut self, id: NodeId) {
        if let Some(number) = self.numbers[id] {
            self.hash.update(b"@");
            self.number(number);
            return;
        }
        self.numbers[id] = Some(self.next);
        self.next += 1;
        let node = &self.graph.nodes[id];
        self.token(node.token);
        self.number(node.children.len() as u64);
        for child in &node.children {
            match child {
                Some(child) => self.visit(*child),
                None => self.hash.update(b"-"),
            }
        }
    }

    fn token(&mut self, token: Token) {
        match token {
            Token::Leaf(leaf) => self.hash.update(&[b'l', leaf as u8]),
            Token::UnitStruct(name) => self.named(b"u", name, &[]),
            Token::Newtype(name) => self.named(b"n", name, &[]),
            Token::Option => self.hash.update(b"o"),
            Token::Seq => self.hash.update(b"s"),
            Token::Map => self.hash.update(b"m"),
            Token::Tuple(name, len) => {
                self.named(b"t", name, &[]);
                self.number(len as u64);
            }
            Token::Struct(name, fields) => self.named(b"f", name, fields),
            Token::Enum(name, variants) => self.named(b"e", name, variants),
        }
    }

    fn named(&mut self, tag: &[u8], name: &str, names: &[&str]) {
        self.hash.update(tag);
        self.text(name);
        self.number(names.len() as u64);
        names.iter().for_each(|name| self.text(name));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.hash.update(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.hash.update(&number.to_le_bytes());
    }
}
