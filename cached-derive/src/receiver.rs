//! `self` in a body that runs in a task of its own: a keyword cannot be bound again, so it becomes `__self`.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::{Receiver, ReceiverKind, Type, parse_quote_spanned};

use crate::input::Param;

/// The name of the receiver inside the load, shown where `self` stands.
pub(crate) fn renamed(at: Span) -> Ident {
    Ident::new("__self", Span::mixed_site().located_at(at))
}

/// The receiver as an argument like others: `self: &Self`.
pub(crate) fn as_param(receiver: &Receiver) -> Param {
    let at = receiver.self_token.span;
    let ours = Span::mixed_site().located_at(at);
    let ty: Type = match &receiver.kind {
        ReceiverKind::Value => parse_quote_spanned!(ours=> Self),
        ReceiverKind::Typed(_, ty) => (**ty).clone(),
        ReceiverKind::Reference(_, lifetime, exclusive) => parse_quote_spanned!(ours=> &#lifetime #exclusive Self),
        _ => parse_quote_spanned!(ours=> &Self),
    };
    Param { name: Ident::new("self", at), mutability: None, ty }
}

/// What the tokens just read say about a `self` among the next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the receiver.
    Body,
    /// Up to the next braces: an `impl` or a `trait` has a `self` of its own.
    Header,
    /// Up to the semicolon: `use std::io::{self, Read};`.
    Import,
    /// In the next parentheses: `pub(self)`.
    Visibility,
}

/// The body with every `self` renamed, inside macros too, but not where the word means something else.
pub(crate) fn rename(body: TokenStream) -> TokenStream {
    let mut place = Place::Body;
    let mut tokens = body.into_iter().peekable();
    let mut out = TokenStream::new();
    while let Some(token) = tokens.next() {
        let (token, next) = match token {
            TokenTree::Ident(word) if word == "self" && place == Place::Body && !is_path(&mut tokens) => {
                (TokenTree::Ident(renamed(word.span())), Place::Body)
            }
            TokenTree::Ident(word) => {
                let next = behind(&word, place);
                (TokenTree::Ident(word), next)
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => (TokenTree::Punct(punct), Place::Body),
            TokenTree::Group(group) => {
                let next =
                    if group.delimiter() == Delimiter::Brace && place != Place::Import { Place::Body } else { place };
                match place {
                    Place::Body => (TokenTree::Group(rename_group(&group)), next),
                    Place::Visibility => (TokenTree::Group(group), Place::Body),
                    Place::Header | Place::Import => (TokenTree::Group(group), next),
                }
            }
            other => (other, place),
        };
        place = next;
        out.extend([token]);
    }
    out
}

fn behind(word: &Ident, place: Place) -> Place {
    match place {
        Place::Header | Place::Import => place,
        _ if word == "impl" || word == "trait" => Place::Header,
        _ if word == "use" => Place::Import,
        _ if word == "pub" => Place::Visibility,
        _ => Place::Body,
    }
}

/// `self::item` names a module.
fn is_path(behind: &mut Peekable<impl Iterator<Item = TokenTree>>) -> bool {
    // Two colons in a row: a single one behind `self` does not exist in expressions.
    matches!(behind.peek(), Some(TokenTree::Punct(p)) if p.as_char() == ':')
}

fn rename_group(group: &Group) -> Group {
    let mut renamed = Group::new(group.delimiter(), rename(group.stream()));
    renamed.set_span(group.span());
    renamed
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn self_is_renamed_everywhere_but_where_it_means_something_else() {
        let body = quote! {
            use std::io::{self, Read};
            let x = self.a;
            println!("{}", self.b);
            self::free();
            pub(self) struct Y;
            impl Y { fn get(&self) -> u32 { self.c } }
            trait Z: Sized { fn get(&self) { self.d } }
            fn f(x: impl Fn()) {}
            self.e
        };
        let renamed = quote! {
            use std::io::{self, Read};
            let x = __self.a;
            println!("{}", __self.b);
            self::free();
            pub(self) struct Y;
            impl Y { fn get(&self) -> u32 { self.c } }
            trait Z: Sized { fn get(&self) { self.d } }
            fn f(x: impl Fn()) {}
            __self.e
        };
        assert_eq!(rename(body).to_string(), renamed.to_string());
    }
}
