//! What the derives of key parts share: which fields count, what is refused, and the `impl` around the methods.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Fields, Index, Member, Result, Type};

use crate::args::KeyArgs;
use crate::errors::Errors;
use crate::input::ours_at;
use crate::path::Private;

/// The most fields: the longest tuple that is a key part.
const MOST_FIELDS: usize = 12;

/// A derive: the trait it implements, and how its methods are made.
pub(super) struct Derive {
    pub(super) of: &'static str,
    pub(super) of_struct: fn(&Private, &Ident, &Fields, &mut Errors) -> TokenStream,
    pub(super) of_enum: fn(&Private, &DataEnum, &mut Errors) -> TokenStream,
}

impl Derive {
    pub(super) fn expand(&self, input: &DeriveInput) -> Result<TokenStream> {
        let mut errors = Errors::default();
        let args = KeyArgs::parse(&input.attrs, &mut errors);
        if let Some(span) = args.skip.span() {
            errors.at(span, "`skip` goes on a field: a whole type is left out of a key by `skip(..)` of `#[cache]`");
        }
        let p = Private::new(args.krate.get().cloned());
        let body = match &input.data {
            Data::Struct(data) => Some((self.of_struct)(&p, &input.ident, &data.fields, &mut errors)),
            Data::Enum(data) if data.variants.is_empty() => {
                let message = "an enum without variants has no values: there is nothing to be part of a key";
                errors.at(input.ident.span(), message);
                None
            }
            Data::Enum(data) => Some((self.of_enum)(&p, data, &mut errors)),
            Data::Union(data) => {
                let message = format!("a union does not know what it holds: implement `{}` by hand", self.of);
                errors.at(data.union_token.span(), message);
                None
            }
        };
        errors.finish()?;
        self.wrap(&p, input, &body.unwrap_or_default())
    }

    fn wrap(&self, p: &Private, input: &DeriveInput, body: &TokenStream) -> Result<TokenStream> {
        let name = &input.ident;
        let mut generics = input.generics.clone();
        // Bounds on the fields and not on the parameters: they are what is needed, and an unmet one is one error, where
        // the field's type stands.
        for ty in counted_types(&input.data) {
            let (p, ours) = (p.at(ty.span()), ours_at(ty));
            let of = format_ident!("{}", self.of, span = ours);
            let bound = quote_spanned!(ours=> #ty: #p::#of);
            generics.make_where_clause().predicates.push(syn::parse2(bound)?);
        }
        let (generics, _, where_clause) = generics.split_for_impl();
        let (_, arguments, _) = input.generics.split_for_impl();
        let of = format_ident!("{}", self.of, span = Span::mixed_site());
        Ok(quote_spanned! {Span::mixed_site()=>
            #[automatically_derived]
            #[allow(trivial_bounds, clippy::all, clippy::pedantic)]
            impl #generics #p::#of for #name #arguments #where_clause {
                #body
            }
        })
    }
}

fn counted_types(data: &Data) -> Vec<&Type> {
    let fields: Vec<&Fields> = match data {
        Data::Struct(data) => vec![&data.fields],
        Data::Enum(data) => data.variants.iter().map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    // What is wrong with the attributes was said when the body was made.
    fields.into_iter().flatten().filter(|field| skipped(field).is_none()).map(|field| &field.ty).collect()
}

/// Where it says that this field is not in the key.
pub(super) fn skipped(field: &syn::Field) -> Option<Span> {
    KeyArgs::parse(&field.attrs, &mut Errors::default()).skip.span()
}

/// A field that counts.
pub(super) struct Field<'a> {
    pub(super) member: Member,
    pub(super) ty: &'a Type,
}

pub(super) fn counted<'a>(fields: &'a Fields, of: &Ident, errors: &mut Errors) -> Vec<Field<'a>> {
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
