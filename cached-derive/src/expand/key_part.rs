//! `#[derive(KeyPart)]`: a type of the user's as a part of a key, by its fields.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{DataEnum, DeriveInput, Fields, Result, Variant};

use super::fields::{Derive, Field, counted};
use crate::errors::Errors;
use crate::input::ours_at;
use crate::path::Private;

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
    Derive { of: "KeyPart", of_struct, of_enum }.expand(input)
}

/// What near keeps of these fields: of one, what it keeps itself; of several, a tuple.
fn owned_of(p: &Private, fields: &[Field<'_>]) -> TokenStream {
    let owned = fields.iter().map(|Field { ty, .. }| quote_spanned!(ours_at(ty)=> <#ty as #p::KeyPart>::Owned));
    quote_spanned!(Span::mixed_site()=> (#(#owned,)*))
}

fn of_struct(p: &Private, name: &Ident, fields: &Fields, errors: &mut Errors) -> TokenStream {
    let fields = counted(fields, name, errors);
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
