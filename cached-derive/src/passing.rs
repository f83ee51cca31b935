//! How an argument reaches a load that may outlive the call: moved in, copied first, or not at all.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{GenericArgument, PathArguments, Receiver, ReceiverKind, Type, TypePath, TypeReference};

/// How an argument of some type is handed to a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// By value, or a `'static` reference.
    Moved,
    /// `&T`: an owned copy goes along and is lent to the body.
    Lent,
    /// `Option<&T>`: the same, if there is one.
    LentOption,
    /// `&mut T`.
    Exclusive,
    /// A type that borrows from the caller in a way that cannot be copied out.
    Borrowing,
}

/// How an argument of this type is passed.
pub(crate) fn of(ty: &Type) -> Passing {
    match bare(ty) {
        Type::Reference(reference) => of_reference(reference),
        other => match option_of(other) {
            Some(Type::Reference(reference)) => match of_reference(reference) {
                Passing::Lent => Passing::LentOption,
                Passing::Exclusive => Passing::Borrowing,
                decided => decided,
            },
            _ if borrows(other) => Passing::Borrowing,
            _ => Passing::Moved,
        },
    }
}

/// How this receiver is passed.
pub(crate) fn of_receiver(receiver: &Receiver) -> Passing {
    match &receiver.kind {
        ReceiverKind::Value => Passing::Moved,
        ReceiverKind::Reference(_, _, Some(_)) => Passing::Exclusive,
        ReceiverKind::Reference(_, Some(lifetime), None) if lifetime.ident == "static" => Passing::Moved,
        ReceiverKind::Typed(_, ty) => of(ty),
        _ => Passing::Lent,
    }
}

fn of_reference(reference: &TypeReference) -> Passing {
    let is_static = reference.lifetime.as_ref().is_some_and(|l| l.ident == "static");
    match (reference.mutability, borrows(&reference.elem)) {
        (Some(_), _) => Passing::Exclusive,
        (None, true) => Passing::Borrowing,
        (None, false) if is_static => Passing::Moved,
        (None, false) => Passing::Lent,
    }
}

/// The type without the parentheses and invisible groups round it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inside) => bare(&inside.elem),
        Type::Group(inside) => bare(&inside.elem),
        other => other,
    }
}

/// The last segment of a path and its type arguments, as they are spelled.
pub(crate) fn spelled(ty: &Type) -> Option<(String, Vec<&Type>)> {
    let Type::Path(TypePath { qself: None, path, .. }) = bare(ty) else { return None };
    let last = path.segments.last()?;
    let arguments = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }),
        _ => return Some((last.ident.to_string(), Vec::new())),
    };
    Some((last.ident.to_string(), arguments.collect()))
}

/// An argument's type, with something else in the place of what it lends.
pub(crate) fn in_place(ty: &Type, ours: Span, of: impl Fn(&Type) -> TokenStream) -> TokenStream {
    let lent = |ty: &Type| match bare(ty) {
        Type::Reference(TypeReference { elem, .. }) => Some(of(elem)),
        _ => None,
    };
    let other = match self::of(ty) {
        Passing::Lent => lent(ty),
        Passing::LentOption => {
            option_of(bare(ty)).and_then(lent).map(|ty| quote_spanned!(ours=> ::core::option::Option<#ty>))
        }
        _ => None,
    };
    other.unwrap_or_else(|| ty.to_token_stream())
}

/// What is in an `Option`.
pub(crate) fn option_of(ty: &Type) -> Option<&Type> {
    match spelled(ty)? {
        (name, arguments) if name == "Option" => arguments.first().map(|ty| bare(ty)),
        _ => None,
    }
}

/// Does the spelling of the type hold a reference or a lifetime other than `'static`?
///
/// References in the arguments of function types do not count: they are the callee's own.
pub(crate) fn borrows(ty: &impl ToTokens) -> bool {
    let mut bound = HashSet::new();
    stream_borrows(ty.to_token_stream(), &mut bound)
}

fn stream_borrows(tokens: TokenStream, bound: &mut HashSet<String>) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    };
    let punct = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c);
    let mut declaring = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "for" => declaring = true,
            TokenTree::Punct(p) if p.as_char() == '>' => declaring = false,
            TokenTree::Punct(p) if p.as_char() == '\'' && p.spacing() == Spacing::Joint => {
                let name = word(at + 1).unwrap_or_default();
                if declaring {
                    bound.insert(name);
                } else if name != "static" && !bound.contains(&name) {
                    return true;
                }
            }
            TokenTree::Punct(p) if p.as_char() == '&' => {
                let lifetime = punct(at + 1, '\'');
                let returned = at >= 2 && punct(at - 1, '>') && punct(at - 2, '-');
                if !lifetime && !returned {
                    return true;
                }
            }
            TokenTree::Group(group) => {
                let callee = group.delimiter() == Delimiter::Parenthesis && at > 0 && word(at - 1).is_some();
                if !callee && stream_borrows(group.stream(), bound) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Do the tokens hold this word?
pub(crate) fn holds_word(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => holds_word(group.stream(), word),
        _ => false,
    })
}

/// Is the type spelled as something that obviously tells results apart: a number, a text, an id?
pub(crate) fn is_plain_key(ty: &Type) -> bool {
    match bare(ty) {
        Type::Reference(reference) => is_plain_key(&reference.elem),
        Type::Slice(slice) => is_plain_key(&slice.elem),
        Type::Array(array) => is_plain_key(&array.elem),
        other => match spelled(other) {
            Some((name, arguments)) => match name.as_str() {
                "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize"
                | "bool" | "char" | "str" | "String" | "Uuid" => arguments.is_empty(),
                "Option" | "Vec" | "Box" | "Arc" | "Rc" => arguments.first().is_some_and(|ty| is_plain_key(ty)),
                _ => false,
            },
            None => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing(ty: &str) -> Passing {
        of(&syn::parse_str(ty).expect(ty))
    }

    #[test]
    fn a_type_decides_how_it_is_passed() {
        for (ty, how) in [
            ("u64", Passing::Moved),
            ("Arc<Db>", Passing::Moved),
            ("&'static str", Passing::Moved),
            ("Option<&'static str>", Passing::Moved),
            ("Cow<'static, str>", Passing::Moved),
            ("impl Fn(&str) -> &str", Passing::Moved),
            ("Box<dyn for<'a> Fn(&'a str) -> &'a str>", Passing::Moved),
            ("fn(&str) -> usize", Passing::Moved),
            ("&str", Passing::Lent),
            ("&'a Db", Passing::Lent),
            ("(&Db)", Passing::Lent),
            ("&[u8]", Passing::Lent),
            ("&impl Db", Passing::Lent),
            ("Option<&str>", Passing::LentOption),
            ("std::option::Option<&Db>", Passing::LentOption),
            ("&mut Db", Passing::Exclusive),
            ("Cow<'_, str>", Passing::Borrowing),
            ("Cow<'a, str>", Passing::Borrowing),
            ("&[&str]", Passing::Borrowing),
            ("(&str, u32)", Passing::Borrowing),
            ("Vec<&str>", Passing::Borrowing),
            ("Option<&mut Db>", Passing::Borrowing),
            ("Box<dyn Db + '_>", Passing::Borrowing),
        ] {
            assert_eq!(passing(ty), how, "{ty}");
        }
    }

    #[test]
    fn plain_keys_are_known_by_their_spelling() {
        for ty in ["u32", "&str", "Option<&str>", "Vec<String>", "&[u8]", "uuid::Uuid", "[u8; 16]", "Arc<str>"] {
            assert!(is_plain_key(&syn::parse_str(ty).expect(ty)), "{ty}");
        }
        for ty in ["&Db", "Pool", "Option<Db>", "impl Db", "(u32, Db)"] {
            assert!(!is_plain_key(&syn::parse_str(ty).expect(ty)), "{ty}");
        }
    }
}
