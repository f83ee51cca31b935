//! `#[derive(ReadPart)]`: a type of the user's out of the text that `#[derive(KeyPart)]` writes.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::{DataEnum, DeriveInput, Error, Fields, GenericArgument, PathArguments, PathSegment, Result, Type};

use super::fields::{Derive, Field, counted, skipped};
use crate::errors::Errors;
use crate::input::ours_at;
use crate::path::Private;

/// ```text
/// // Input:
/// #[derive(ReadPart)]
/// struct Page { video: String, number: u32 }
///
/// // Output (`P` is the runtime's hidden module):
/// impl P::ReadPart for Page {
///     fn read_part(text: &str) -> P::Option<Self> {
///         let (f0, f1,) = <(String, u32,) as P::ReadPart>::read_part(text)?;
///         P::Some(Self { video: f0, number: f1, })
///     }
/// }
/// ```
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    Derive { of: "ReadPart", of_struct, of_enum }.expand(input)
}

/// All fields: one that does not count, or does not own what it is, has nothing to be read from.
fn whole<'a>(fields: &'a Fields, of: &Ident, errors: &mut Errors) -> Vec<Field<'a>> {
    for span in fields.iter().filter_map(skipped) {
        errors.at(span, "it is not in the key, and nothing can be read back of it: implement `ReadPart` by hand");
    }
    let counted = counted(fields, of, errors);
    for ty in counted.iter().filter_map(|field| borrowed(field.ty)) {
        let message = "nobody holds what this borrows from: what is read back owns what it is, as `String` for `&str`";
        errors.push(Error::new_spanned(ty, message));
    }
    counted
}

/// The reference in a type. Found here, because a bound that names a lifetime of the type is not looked at before the
/// type is used, and then the error stands elsewhere.
fn borrowed(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(_) => Some(ty),
        Type::Array(of) => borrowed(&of.elem),
        Type::Group(of) => borrowed(&of.elem),
        Type::Paren(of) => borrowed(&of.elem),
        Type::Tuple(of) => of.elems.iter().find_map(borrowed),
        Type::Path(of) => of.path.segments.iter().flat_map(arguments).find_map(borrowed),
        _ => None,
    }
}

/// The types between `<` and `>`.
fn arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(list) = &segment.arguments else { return Vec::new() };
    let mut types = Vec::new();
    for argument in &list.args {
        if let GenericArgument::Type(ty) = argument {
            types.push(ty);
        }
    }
    types
}

fn of_struct(p: &Private, name: &Ident, fields: &Fields, errors: &mut Errors) -> TokenStream {
    let ours = Span::mixed_site();
    let fields = whole(fields, name, errors);
    let text = quote_spanned!(ours=> text);
    let body = match fields.as_slice() {
        [Field { member, ty }] => {
            let read = quote_spanned!(ours_at(ty)=> <#ty as #p::ReadPart>::read_part);
            quote_spanned!(ours=> #p::Some(Self { #member: #read(#text)? }))
        }
        several => made_of(p, &quote_spanned!(ours=> Self), several, &text),
    };
    read_part(p, &text, &body)
}

/// ```text
/// match P::variant_of(text) {
///     ("All", "") => P::Some(Self::All {}),
///     ("Of", fields) => {
///         let (f0,) = <(u32,) as P::ReadPart>::read_part(fields)?;
///         P::Some(Self::Of { 0: f0, })
///     }
///     _ => P::None,
/// }
/// ```
fn of_enum(p: &Private, data: &DataEnum, errors: &mut Errors) -> TokenStream {
    let ours = Span::mixed_site();
    let (text, fields) = (quote_spanned!(ours=> text), quote_spanned!(ours=> fields));
    let arms = data.variants.iter().map(|variant| {
        let (ident, name) = (&variant.ident, variant.ident.unraw().to_string());
        match whole(&variant.fields, ident, errors).as_slice() {
            // A variant without fields is written as its name alone.
            [] => quote_spanned!(ours=> (#name, "") => #p::Some(Self::#ident {}),),
            several => {
                let made = made_of(p, &quote_spanned!(ours=> Self::#ident), several, &fields);
                quote_spanned!(ours=> (#name, #fields) => { #made })
            }
        }
    });
    let arms: Vec<_> = arms.collect();
    let body = quote_spanned! {ours=>
        match #p::variant_of(#text) {
            #(#arms)*
            _ => #p::None,
        }
    };
    read_part(p, &text, &body)
}

fn read_part(p: &Private, text: &TokenStream, body: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        fn read_part(#text: &::core::primitive::str) -> #p::Option<Self> {
            #body
        }
    }
}

/// What these fields make, read as the tuple they were written as.
fn made_of(p: &Private, of: &TokenStream, fields: &[Field<'_>], text: &TokenStream) -> TokenStream {
    let ours = Span::mixed_site();
    let bound: Vec<_> = (0..fields.len()).map(|at| format_ident!("f{}", at, span = ours)).collect();
    let types = fields.iter().map(|field| field.ty);
    let members = fields.iter().map(|field| &field.member);
    // The types are said: the compiler would take them from a bound that looks alike, and not from the fields.
    quote_spanned! {ours=>
        let (#(#bound,)*) = <(#(#types,)*) as #p::ReadPart>::read_part(#text)?;
        // Braces fit every variant, also tuples: `V { 0: f0 }`.
        #p::Some(#of { #(#members: #bound,)* })
    }
}
