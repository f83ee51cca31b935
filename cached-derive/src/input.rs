//! The annotated function as we need it: attributes, signature, arguments by name, the body as raw tokens.
//!
//! The body is never parsed: it is the user's, it may be half typed in an editor, and reading it would cost every build.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    AttrStyle, Attribute, Error, FnArg, Ident, Pat, PatIdent, Receiver, Result, ReturnType, Signature, Token, Type,
    Visibility, braced,
};

/// The annotated function.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// As written, but for the names of arguments, which are plain.
    pub(crate) sig: Signature,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) params: Vec<Param>,
    /// Arguments that have a pattern and no name.
    pub(crate) nameless: Vec<Pat>,
    pub(crate) output: Type,
    /// Empty where there is none, but `;`.
    pub(crate) body: TokenStream,
    pub(crate) has_body: bool,
}

/// An argument.
#[derive(Clone)]
pub(crate) struct Param {
    pub(crate) name: Ident,
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) ty: Type,
}

impl Function {
    pub(crate) const fn is_async(&self) -> bool {
        self.sig.asyncness.is_some()
    }

    /// Does the function belong to a type? Seen from a receiver, or from a word that only exists there.
    pub(crate) fn is_associated(&self) -> bool {
        self.receiver.is_some() || names_self_type(self.sig.to_token_stream()) || names_self_type(self.body.clone())
    }

    pub(crate) fn param(&self, name: &str) -> Option<&Param> {
        use syn::ext::IdentExt;
        self.params.iter().find(|param| param.name.unraw() == name)
    }

    /// The attributes that decide whether the function exists at all.
    pub(crate) fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        self.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        if !starts_function(input) {
            return Err(Error::new(input.span(), "this attribute goes on a function"));
        }
        let mut sig: Signature = input.parse()?;
        let has_body = input.parse::<Option<Token![;]>>()?.is_none();
        let body = if has_body { body(input, &mut attrs)? } else { TokenStream::new() };
        let (receiver, params, nameless) = split_inputs(&mut sig);
        let output = match &sig.output {
            ReturnType::Type(_, ty) => (**ty).clone(),
            ReturnType::Default => Type::Verbatim(quote_spanned!(Span::mixed_site().located_at(sig.ident.span())=> ())),
        };
        Ok(Self { attrs, vis, sig, receiver, params, nameless, output, body, has_body })
    }
}

fn body(input: ParseStream<'_>, attrs: &mut Vec<Attribute>) -> Result<TokenStream> {
    let content;
    braced!(content in input);
    for mut inner in content.call(Attribute::parse_inner)? {
        inner.style = AttrStyle::Outer;
        attrs.push(inner);
    }
    content.parse()
}

fn starts_function(input: ParseStream<'_>) -> bool {
    input.peek(Token![fn])
        || input.peek(Token![const])
        || (input.peek(Token![async]) && !input.peek2(Token![move]) && !input.peek2(Token![|]))
        || input.peek(Token![unsafe])
        || input.peek(Token![extern])
}

/// The arguments by name; `mut` moves from the signature into the body, where the argument is bound again.
fn split_inputs(sig: &mut Signature) -> (Option<Receiver>, Vec<Param>, Vec<Pat>) {
    let (mut receiver, mut params, mut nameless) = (None, Vec::new(), Vec::new());
    for input in &mut sig.inputs {
        match input {
            FnArg::Receiver(found) => receiver = Some(found.clone()),
            FnArg::Typed(typed) => match &mut *typed.pat {
                Pat::Ident(PatIdent { ident, mutability, by_ref: None, subpat: None, .. }) => {
                    params.push(Param { name: ident.clone(), mutability: mutability.take(), ty: (*typed.ty).clone() });
                }
                pattern => nameless.push(pattern.clone()),
            },
        }
    }
    (receiver, params, nameless)
}

fn names_self_type(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(word) => word == "Self",
        proc_macro2::TokenTree::Group(group) => names_self_type(group.stream()),
        _ => false,
    })
}

/// A span that names nothing of the user's and lints as ours, but is shown where the user's code stands.
pub(crate) fn ours_at(node: &impl Spanned) -> Span {
    Span::mixed_site().located_at(node.span())
}
