//! `#[derive(KeyPart)]`: a type of the user's as a part of a key, by its fields.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Fields, Index, Member, Result, Type, Variant};

use crate::args::KeyArgs;
use crate::errors::Errors;
use crate::input::ours_at;
use crate::path::Private;

/// The most fields: the longest tuple that is a key part.
const MOST_FIELDS: usize = 12;

/// ```text
/// // Input:
/// #[derive(KeyPart)]
/// struct Page<'a> { video: &'a str, number: u32 }
///
/// // Output (`P` is the runtime's hidden module):
/// impl<'a> P::KeyPart for Page<'a> {
///     type Owned = (<&'a str as P::KeyPart>::Owned, <u32 as P::KeyPart>::Owned,);
///     fn to_owned_part(&self) -> Self::Owned { P::KeyPart::to_owned_part(&(&self.video, &self.number,)) }
///     fn hash_part<H: Hasher>(&self, state: &mut H) { P::KeyPart::hash_part(&(&self.video, &self.number,), state) }
///     ..
/// }
/// ```
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let args = KeyArgs::parse(&input.attrs, &mut errors);
    if let Some(span) = args.skip.span() {
        errors.at(span, "`skip` goes on a field: a whole type is left out of a key by `skip(..)` of `#[cache]`");
    }
    let p = Private::new(args.krate.get().cloned());
    let body = match &input.data {
        Data::Struct(data) => Some(of_struct(&p, &data.fields, input, &mut errors)),
        Data::Enum(data) if data.variants.is_empty() => {
            errors
                .at(input.ident.span(), "an enum without variants has no values: there is nothing to be part of a key");
            None
        }
        Data::Enum(data) => Some(of_enum(&p, data, &mut errors)),
        Data::Union(data) => {
            let message = "a union does not know what it holds: implement `KeyPart` by hand";
            errors.at(data.union_token.span(), message);
            None
        }
    };
    errors.finish()?;
    wrap(&p, input, &body.unwrap_or_default())
}

fn wrap(p: &Private, input: &DeriveInput, body: &TokenStream) -> Result<TokenStream> {
    let name = &input.ident;
    let mut generics = input.generics.clone();
    // Bounds on the fields and not on the parameters: they are what is needed, and an unmet one is one error, where
    // the field's type stands.
    for ty in counted_types(&input.data) {
        let (p, ours) = (p.at(ty.span()), ours_at(ty));
        let bound = quote_spanned!(ours=> #ty: #p::KeyPart);
        generics.make_where_clause().predicates.push(syn::parse2(bound)?);
    }
    let (generics, _, where_clause) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();
    Ok(quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        #[allow(trivial_bounds, clippy::all, clippy::pedantic)]
        impl #generics #p::KeyPart for #name #arguments #where_clause {
            #body
        }
    })
}

fn counted_types(data: &Data) -> Vec<&Type> {
    let fields: Vec<&Fields> = match data {
        Data::Struct(data) => vec![&data.fields],
        Data::Enum(data) => data.variants.iter().map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    // What is wrong with the attributes was said when the body was made.
    let counts = |field: &&syn::Field| !KeyArgs::parse(&field.attrs, &mut Errors::default()).skip.is_given();
    fields.into_iter().flatten().filter(counts).map(|field| &field.ty).collect()
}

/// A field that counts.
struct Field<'a> {
    member: Member,
    ty: &'a Type,
}

fn counted<'a>(fields: &'a Fields, of: &Ident, errors: &mut Errors) -> Vec<Field<'a>> {
    let mut out = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let args = KeyArgs::parse(&field.attrs, errors);
        if let Some(span) = args.krate.span() {
            errors.at(span, "`crate` goes on the type, not on a field");
        }
        if !args.skip.is_given() {
            let index = || Member::Unnamed(Index { index: at.try_into().unwrap_or(u32::MAX), span: field.ty.span() });
            out.push(Field { member: field.ident.clone().map_or_else(index, Member::Named), ty: &field.ty });
        }
    }
    if out.len() > MOST_FIELDS {
        let message = format!(
            "`{of}` has {} fields in the key, and {MOST_FIELDS} is the most: group some in a type of their own, or leave them out with `#[key(skip)]`",
            out.len()
        );
        errors.at(of.span(), message);
    }
    out
}

/// What near keeps of these fields: of one, what it keeps itself; of several, a tuple.
fn owned_of(p: &Private, fields: &[Field<'_>]) -> TokenStream {
    let owned = fields.iter().map(|Field { ty, .. }| quote_spanned!(ours_at(ty)=> <#ty as #p::KeyPart>::Owned));
    quote_spanned!(Span::mixed_site()=> (#(#owned,)*))
}

fn of_struct(p: &Private, fields: &Fields, input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let fields = counted(fields, &input.ident, errors);
    let borrow = |Field { member, ty }: &Field<'_>| quote_spanned!(ours_at(ty)=> &self.#member);
    let (owned, parts) = match fields.as_slice() {
        [one] => {
            let ty = one.ty;
            (quote_spanned!(ours_at(ty)=> <#ty as #p::KeyPart>::Owned), borrow(one))
        }
        several => {
            let parts = several.iter().map(borrow);
            (owned_of(p, several), quote_spanned!(Span::mixed_site()=> &(#(#parts,)*)))
        }
    };
    quote_spanned! {Span::mixed_site()=>
        type Owned = #owned;

        fn to_owned_part(&self) -> Self::Owned {
            #p::KeyPart::to_owned_part(#parts)
        }

        #[inline]
        fn hash_part<__H: ::core::hash::Hasher>(&self, state: &mut __H) {
            #p::KeyPart::hash_part(#parts, state)
        }

        #[inline]
        fn same_part(&self, owned: &Self::Owned) -> bool {
            #p::KeyPart::same_part(#parts, owned)
        }

        fn write_part(&self, out: &mut #p::KeyWriter) {
            #p::KeyPart::write_part(#parts, out)
        }

        fn heap_bytes(&self) -> usize {
            #p::KeyPart::heap_bytes(#parts)
        }
    }
}

/// ```text
/// type Owned = P::Sum<(<u32 as P::KeyPart>::Owned,), P::Sum<(), P::Absent>>;
/// fn to_owned_part(&self) -> Self::Owned {
///     match self {
///         Self::Of(f0) => P::Sum::Here("Of", P::KeyPart::to_owned_part(&(f0,))),
///         Self::All => P::Sum::There(P::Sum::Here("All", P::KeyPart::to_owned_part(&()))),
///     }
/// }
/// ```
fn of_enum(p: &Private, data: &DataEnum, errors: &mut Errors) -> TokenStream {
    let ours = Span::mixed_site();
    let mut owned = quote_spanned!(ours=> #p::Absent);
    let (mut keep, mut hash, mut same, mut write, mut weigh) = (vec![], vec![], vec![], vec![], vec![]);
    let parts: Vec<_> = data.variants.iter().map(|variant| counted(&variant.fields, &variant.ident, errors)).collect();
    for fields in parts.iter().rev() {
        let kept = owned_of(p, fields);
        owned = quote_spanned!(ours=> #p::Sum<#kept, #owned>);
    }
    for (at, (variant, fields)) in data.variants.iter().zip(&parts).enumerate() {
        let name = variant.ident.unraw().to_string();
        let (pattern, tuple) = matched(variant, fields);
        let here = nested(p, at, quote_spanned!(ours=> #p::Sum::Here(#name, #p::KeyPart::to_owned_part(#tuple))));
        let there = nested(p, at, quote_spanned!(ours=> #p::Sum::Here(_, owned)));
        keep.push(quote_spanned!(ours=> #pattern => #here,));
        hash.push(quote_spanned!(ours=> #pattern => {
            #p::KeyPart::hash_part(#name, state);
            #p::KeyPart::hash_part(#tuple, state);
        }));
        same.push(quote_spanned!(ours=> (#pattern, #there) => #p::KeyPart::same_part(#tuple, owned),));
        write.push(quote_spanned!(ours=> #pattern => { out.variant(#name, #tuple); }));
        weigh.push(quote_spanned!(ours=> #pattern => #p::KeyPart::heap_bytes(#tuple),));
    }
    quote_spanned! {ours=>
        type Owned = #owned;

        fn to_owned_part(&self) -> Self::Owned {
            match self { #(#keep)* }
        }

        #[inline]
        fn hash_part<__H: ::core::hash::Hasher>(&self, state: &mut __H) {
            match self { #(#hash)* }
        }

        #[inline]
        #[allow(unreachable_patterns)]
        fn same_part(&self, owned: &Self::Owned) -> bool {
            match (self, owned) {
                #(#same)*
                _ => false,
            }
        }

        fn write_part(&self, out: &mut #p::KeyWriter) {
            match self { #(#write)* }
        }

        fn heap_bytes(&self) -> usize {
            match self { #(#weigh)* }
        }
    }
}

/// The variant's place in the sum: behind as many others as come before it.
fn nested(p: &Private, depth: usize, inside: TokenStream) -> TokenStream {
    (0..depth).fold(inside, |inside, _| quote_spanned!(Span::mixed_site()=> #p::Sum::There(#inside)))
}

/// The pattern that takes a variant apart, and the tuple of what counts in it.
fn matched(variant: &Variant, fields: &[Field<'_>]) -> (TokenStream, TokenStream) {
    let ours = Span::mixed_site();
    let name = &variant.ident;
    let bound: Vec<_> = (0..fields.len()).map(|at| format_ident!("f{}", at, span = ours)).collect();
    let members = fields.iter().map(|field| &field.member);
    // Braces fit every variant, also tuples: `V { 0: f0, .. }`.
    let pattern = quote_spanned!(ours=> Self::#name { #(#members: #bound,)* .. });
    (pattern, quote!(&(#(#bound,)*)))
}
