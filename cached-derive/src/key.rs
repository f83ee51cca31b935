//! What forms the key of a call: the parts, in order, and how the key and the tags are written from them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Member, Type};

use crate::input::{Function, Param, ours_at};
use crate::model::Model;
use crate::passing;
use crate::path::Private;
use crate::template::{Hole, Piece, Template};

/// One part of the key.
struct Part {
    /// The placeholder it stands for; types and unnamed arguments have none.
    hole: Option<Hole>,
    /// Does it stand behind what the template says?
    behind: bool,
    /// The expression that makes it.
    tokens: TokenStream,
}

/// What forms the key of one function.
pub(crate) struct Key<'a> {
    model: &'a Model,
    parts: Vec<Part>,
}

/// How many parts the key of this function has.
pub(crate) fn count(model: &Model) -> usize {
    Key::of(model).len()
}

impl<'a> Key<'a> {
    /// Arguments in the order of the template, or as they are declared; then the types the function was called with.
    pub(crate) fn of(model: &'a Model) -> Self {
        let mut parts = match &model.key {
            Some(template) => template_parts(model, template),
            None => argument_parts(model),
        };
        let unnamed = source_parts(model, &parts);
        parts.extend(unnamed);
        parts.extend(type_parts(model));
        Self { model, parts }
    }

    /// `(P::part!(&video_id),)`.
    pub(crate) fn tuple(&self) -> TokenStream {
        let parts = self.parts.iter().map(|part| &part.tokens);
        quote_spanned!(Span::mixed_site()=> (#(#parts,)*))
    }

    /// The statements that write what the key has beside one argument, and what that argument does not say.
    pub(crate) fn beside(&self, argument: &str) -> TokenStream {
        let ours = Span::mixed_site();
        let others = self.parts.iter().filter(|part| part.hole.as_ref().is_none_or(|hole| hole.root != argument));
        let others = others.map(|part| {
            let tokens = &part.tokens;
            quote_spanned!(ours=> names.key().literal(":").part(&#tokens);)
        });
        let others: Vec<_> = others.collect();
        if others.is_empty() { quote_spanned!(ours=> let _ = names;) } else { quote_spanned!(ours=> #(#others)*) }
    }

    /// What fills the key, and behind `|` the tags.
    pub(crate) fn holes(&self) -> Vec<String> {
        let keyed = self.parts.iter().map(|part| part.hole.as_ref().map_or_else(|| "<>".to_owned(), Hole::text));
        let tags = self.model.tags.iter().flat_map(Template::holes).map(Hole::text);
        let mut holes: Vec<String> = keyed.collect();
        let tags: Vec<String> = tags.collect();
        if !tags.is_empty() {
            holes.push("|".to_owned());
            holes.extend(tags);
        }
        holes
    }

    /// Which part is the whole of this argument, to be read again in its text?
    pub(crate) fn place_of(&self, param: &Param) -> Option<usize> {
        let hole = Hole::of(param);
        self.parts.iter().position(|part| part.hole.as_ref() == Some(&hole)).filter(|_| !is_secret(self.model, &hole))
    }

    /// The parts that are made of one of these arguments, and their places.
    pub(crate) fn made_of(&self, is_one: impl Fn(&str) -> bool) -> Vec<(usize, &TokenStream)> {
        let made_of = |part: &Part| part.hole.as_ref().is_some_and(|hole| is_one(&hole.root));
        let parts = self.parts.iter().enumerate().filter(|(_, part)| made_of(part));
        parts.map(|(place, part)| (place, &part.tokens)).collect()
    }

    /// The parts that tell the instances of a generic function apart, and their places.
    pub(crate) fn instance(&self) -> impl Iterator<Item = (usize, &TokenStream)> {
        self.parts.iter().enumerate().filter(|(_, part)| part.hole.is_none()).map(|(at, part)| (at, &part.tokens))
    }

    /// How many parts it has.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Are there parts to be borrowed?
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The statements that write the key and the tags.
    pub(crate) fn names(&self) -> TokenStream {
        let ours = Span::mixed_site();
        let key = self.key_text();
        let tags = self.model.tags.iter().map(|tag| {
            let text = self.template_text(tag);
            quote_spanned!(ours=> names.tag()#text;)
        });
        let tables = self.tables();
        quote_spanned!(ours=> names.key()#key; #(#tags)* #tables)
    }

    /// The tags of a query: its database, and its tables.
    fn tables(&self) -> TokenStream {
        let ours = Span::mixed_site();
        if !self.model.args.is_query() {
            return TokenStream::new();
        }
        if let Some(sql) = self.model.reading() {
            return sql.tag(&self.model.function, &self.model.private, |name| self.model.args.is_secret(name));
        }
        let name = self.model.database();
        let sources = self.model.keyed_sources().map(|source| {
            let (borrowed, p) = (borrow(source), self.model.private.at(source.ty.span()));
            quote_spanned!(ours_at(&source.ty)=> #p::source!(#borrowed, #name))
        });
        // Each may be the one that is read.
        let mut sources: Vec<_> = sources.collect();
        if sources.is_empty() {
            sources.push(name.to_token_stream());
        }
        let tables: Vec<_> = self.model.tables().map(|table| format!(":{table}")).collect();
        let tags = sources.iter().map(|source| {
            let tag = quote_spanned!(ours=> names.tag().literal("sql:").part(&#source));
            quote_spanned!(ours=> #tag; #(#tag.literal(#tables);)*)
        });
        tags.collect()
    }

    fn key_text(&self) -> TokenStream {
        let ours = Span::mixed_site();
        let Some(template) = &self.model.key else {
            let namespace_and_site = quote_spanned!(ours=> .site(__site));
            let parts = (0..self.parts.len()).map(|at| self.behind_colon(at));
            return quote_spanned!(ours=> #namespace_and_site #(#parts)*);
        };
        let namespace = self.model.args.namespace.get().map(|namespace| {
            let prefix = format!("{}:", namespace.value());
            quote_spanned!(ours=> .literal(#prefix))
        });
        let text = self.template_text(template);
        let behind = self.parts.iter().enumerate().filter(|(_, part)| part.behind);
        let behind = behind.map(|(at, _)| self.behind_colon(at));
        quote_spanned!(ours=> #namespace #text #(#behind)*)
    }

    fn behind_colon(&self, at: usize) -> TokenStream {
        let part = syn::Index::from(at);
        quote_spanned!(Span::mixed_site()=> .literal(":").part(&__key.#part))
    }

    fn template_text(&self, template: &Template) -> TokenStream {
        let pieces = template.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => quote_spanned!(Span::mixed_site()=> .literal(#text)),
            Piece::Hole(hole) => self.hole_text(hole, template.span),
        });
        pieces.collect()
    }

    /// A part of the key by its place in it; a field of one from the argument.
    fn hole_text(&self, hole: &Hole, span: Span) -> TokenStream {
        let ours = Span::mixed_site();
        match self.parts.iter().position(|part| part.hole.as_ref() == Some(hole)) {
            Some(at) => {
                let part = syn::Index::from(at);
                quote_spanned!(ours=> .part(&__key.#part))
            }
            None => {
                let secret = is_secret(self.model, hole);
                let value = hole_value(&self.model.function, hole, span, &self.model.private, secret);
                quote_spanned!(ours=> .part(&#value))
            }
        }
    }

    /// The template as the site declares it: `video:{}:frames`.
    pub(crate) fn declared(&self) -> Option<String> {
        let template = self.model.key.as_ref()?;
        let mut text = self.model.args.namespace.get().map_or(String::new(), |namespace| namespace.value() + ":");
        text.push_str(&template.shape());
        text.extend(self.parts.iter().filter(|part| part.behind).map(|_| ":{}"));
        Some(text)
    }

    /// The namespace, if the attribute says it.
    pub(crate) fn namespace(&self) -> Option<String> {
        let given = self.model.args.namespace.get().map(syn::LitStr::value);
        let query = self.model.args.is_query().then(|| "query".to_owned());
        given.or_else(|| self.model.key.as_ref()?.namespace().map(str::to_owned)).or(query)
    }

    /// Is the argument needed to write the key and the tags?
    pub(crate) fn uses(&self, param: &Param) -> bool {
        let is_named = |hole: &Hole| param.name.unraw() == hole.root.as_str();
        let keyed = self.parts.iter().filter_map(|part| part.hole.as_ref()).any(is_named);
        keyed || (!self.model.args.is_skipped(&param.name) && has_unnamed_type(&param.ty))
    }
}

fn template_parts(model: &Model, template: &Template) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for hole in template.holes() {
        if !parts.iter().any(|part| part.hole.as_ref() == Some(hole)) {
            let tokens = hole_tokens(model, hole, template.span);
            parts.push(Part { hole: Some(hole.clone()), behind: false, tokens });
        }
    }
    parts
}

/// What may be a database, and is not named by the key: two databases never share a result.
fn source_parts(model: &Model, parts: &[Part]) -> Vec<Part> {
    let part = |source: &Param| {
        let hole = Hole::of(source);
        let keyed = parts.iter().filter_map(|part| part.hole.as_ref()).any(|keyed| keyed.root == hole.root);
        let tokens = hole_tokens(model, &hole, source.ty.span());
        (!keyed).then_some(Part { hole: Some(hole), behind: true, tokens })
    };
    model.keyed_sources().filter_map(part).collect()
}

/// `P::part!(&video_id)`, or `P::identity!(&db)`.
fn hole_tokens(model: &Model, hole: &Hole, span: Span) -> TokenStream {
    match model.keyed_sources().find(|source| Hole::of(source) == *hole && !is_secret(model, hole)) {
        Some(source) => {
            let borrowed = borrow(source);
            let p = model.private.at(source.ty.span());
            quote_spanned!(ours_at(&source.ty)=> #p::identity!(#borrowed))
        }
        None => hole_value(&model.function, hole, span, &model.private, is_secret(model, hole)),
    }
}

/// `&db`, or `db` if it is a reference.
pub(crate) fn borrow(param: &Param) -> TokenStream {
    let name = &param.name;
    let by_reference = matches!(passing::bare(&param.ty), Type::Reference(_));
    let borrow = if by_reference { quote!() } else { quote_spanned!(ours_at(&param.ty)=> &) };
    quote_spanned!(ours_at(&param.ty)=> #borrow #name)
}

fn argument_parts(model: &Model) -> Vec<Part> {
    let keyed = model.function.params.iter().filter(|param| !model.args.is_skipped(&param.name));
    let part = |param: &Param| {
        let hole = Hole::of(param);
        let tokens = hole_tokens(model, &hole, param.ty.span());
        Part { hole: Some(hole), behind: false, tokens }
    };
    keyed.map(part).collect()
}

/// The types a generic function was called with: two instances never share a result.
fn type_parts(model: &Model) -> impl Iterator<Item = Part> {
    let Model { function, args, private: p, .. } = model;
    let types = function.sig.generics.type_params().filter(|param| !args.is_skipped(&param.ident)).map(move |param| {
        let ident = &param.ident;
        let p = p.at(ident.span());
        quote_spanned!(ours_at(ident)=> #p::Kind::<#ident>::new())
    });
    let consts = function.sig.generics.const_params().map(|param| {
        let ident = &param.ident;
        quote!(#ident)
    });
    let unnamed = function.params.iter().filter(|param| !args.is_skipped(&param.name) && has_unnamed_type(&param.ty));
    let unnamed = unnamed.map(move |param| {
        let borrowed = borrow(param);
        quote_spanned!(ours_at(&param.ty)=> #p::kind_of(#borrowed))
    });
    types.chain(consts).chain(unnamed).map(|tokens| Part { hole: None, behind: true, tokens })
}

fn has_unnamed_type(ty: &Type) -> bool {
    match passing::bare(ty) {
        Type::ImplTrait(_) => true,
        Type::Reference(reference) => has_unnamed_type(&reference.elem),
        _ => false,
    }
}

fn is_secret(model: &Model, hole: &Hole) -> bool {
    model.function.param(&hole.root).is_some_and(|param| model.args.is_secret(&param.name))
}

/// The value of a placeholder as a part: `P::part!(&user.id)`.
///
/// A whole argument is shown where its type stands, because that is what must be a key part; a field is shown where the
/// template stands.
pub(crate) fn hole_value(function: &Function, hole: &Hole, span: Span, p: &Private, secret: bool) -> TokenStream {
    let param = function.param(&hole.root);
    let (root, at) = match (param, &function.receiver) {
        (Some(param), _) if hole.fields.is_empty() => (param.name.clone(), param.ty.span()),
        (Some(param), _) => (param.name.clone(), span),
        (None, Some(receiver)) => (Ident::new("self", receiver.self_token.span()), span),
        (None, None) => (Ident::new(&hole.root, span), span),
    };
    let ours = Span::mixed_site().located_at(at);
    let root = located(&root, at);
    let fields = hole.fields.iter().map(|field| match field {
        Member::Named(name) => Member::Named(located(name, at)),
        Member::Unnamed(index) => Member::Unnamed(syn::Index { index: index.index, span: at }),
    });
    let p = p.at(at);
    let part = quote_spanned!(ours=> #p::part!(&#root #(.#fields)*));
    if secret { quote_spanned!(ours=> #p::secret(#part)) } else { part }
}

/// The user's own name, shown somewhere else.
fn located(name: &Ident, at: Span) -> Ident {
    let mut name = name.clone();
    name.set_span(name.span().located_at(at));
    name
}
