//! `#[warmup]`: the function as it is, and beside it a job that calls it.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, LitStr, Result, Type, TypeReference};

use super::hot;
use crate::args::{Attribute, CacheArgs, WarmupArgs};
use crate::check;
use crate::errors::Errors;
use crate::input::{Function, Param, ours_at};
use crate::model::Model;
use crate::passing::{self, Passing};
use crate::path::Private;

/// The function and what is known of it.
pub(crate) struct Job {
    pub(crate) function: Function,
    pub(crate) args: WarmupArgs,
    /// What `#[cache]` or `#[cache_query]` below says.
    pub(crate) cached: Option<CacheArgs>,
    /// The cached function as a whole, if its arguments are read out of its keys.
    pub(crate) keyed: Option<Model>,
    pub(crate) private: Private,
}

/// ```text
/// // Input:
/// #[warmup(args = ["intro", "outro"], every = "30m")]
/// #[cache(key = "video:{id}:frames", skip(db))]
/// async fn frames(db: &Db, id: &str) -> Result<Vec<Frame>, DbError> { BODY }
///
/// // Output (`P` is the runtime's hidden module): the function with its other attributes, and
/// const _: () = {
///     fn work(__run: P::Run) -> P::Working {
///         P::Box::pin(async move {
///             let db = __run.given::<Db>("db", "&Db")?;
///             let db = &*db;
///             let __args = ["intro", "outro"];
///             __run.each(__args, |__id| async move { P::told!(frames(db, P::borrowed::<str, _>(&__id)).await) }).await
///         })
///     }
///     static JOB: P::Job = P::Job::new(P::Plan { every: P::Some(1800000), .. }, work);
///     P::inventory::submit! { P::LinkedJob(&JOB) }
/// };
/// ```
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let args = WarmupArgs::parse(attribute, &mut errors);
    let Some(function) = errors.keep(syn::parse2::<Function>(item.clone())) else {
        return errors.finish().map(|()| item);
    };
    let private = Private::new(args.krate.get().cloned());
    let below = cached(&function);
    let keyed = below.clone().filter(|_| args.hot.is_given());
    let keyed = keyed.and_then(|(which, tokens)| Model::parse(which, tokens, item.clone()).ok());
    let cached = below.map(|(which, tokens)| CacheArgs::parse(which, tokens, &mut Errors::default()));
    let job = Job { cached, keyed, function, args, private };
    check::warmup(&job, &mut errors);
    errors.finish()?;
    if job.args.hot.is_given() && job.keyed.is_none() {
        // What is wrong with the attribute below, it says itself.
        return Ok(item);
    }
    let (p, ours) = (&job.private, Span::mixed_site());
    let (plan, work, watch) = (job.plan(), job.work(), hot::watch(&job));
    let cfgs: Vec<_> = job.function.cfgs().collect();
    Ok(quote_spanned! {ours=>
        #item

        #(#cfgs)*
        const _: () = {
            #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
            fn work(__run: #p::Run) -> #p::Working {
                #p::Box::pin(async move { #work })
            }

            static JOB: #p::Job = #p::Job::new(#plan, work);
            #p::inventory::submit! { #p::LinkedJob(&JOB) }
            #watch
        };
    })
}

/// What the attribute says that makes the function a cached one, if it stands below.
fn cached(function: &Function) -> Option<(Attribute, TokenStream)> {
    function.attrs.iter().find_map(|attribute| {
        let name = attribute.path().segments.last()?.ident.to_string();
        let which = match name.as_str() {
            "cache" => Attribute::Cache,
            "cache_query" => Attribute::Query,
            _ => return None,
        };
        let tokens = attribute.meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
        Some((which, tokens))
    })
}

impl Job {
    /// Is this given by whoever begins the warm-up, and not warmed?
    pub(crate) fn is_given(&self, param: &Param) -> bool {
        let is_database = |args: &CacheArgs| args.is_query() && names_database(&param.ty);
        self.args.is_skipped(&param.name)
            || self.cached.as_ref().is_some_and(|args| args.is_skipped(&param.name) || is_database(args))
            || (self.cached.is_none() && !self.has_args())
    }

    /// Is it called for each of several arguments?
    pub(crate) fn has_args(&self) -> bool {
        self.args.args.is_given() || self.args.args_from.is_given() || self.args.hot.is_given()
    }

    /// The arguments that are warmed.
    pub(crate) fn warmed(&self) -> impl Iterator<Item = &Param> {
        self.function.params.iter().filter(|param| !self.is_given(param))
    }

    /// The argument that holds several.
    pub(crate) fn batch(&self) -> Option<&Param> {
        let name = self.cached.as_ref()?.batch.get()?;
        self.function.params.iter().find(|param| param.name == *name)
    }

    fn plan(&self) -> TokenStream {
        let (p, ours, args) = (&self.private, Span::mixed_site(), &self.args);
        let function = self.function.sig.ident.unraw().to_string();
        let scheduled = args.every.is_given() || args.cron.is_given();
        let on_start = args.on_start.is_given() || !scheduled;
        let cached = self.cached.is_some();
        let some = |value: Option<TokenStream>| match value {
            Some(value) => quote_spanned!(ours=> #p::Some(#value)),
            None => quote_spanned!(ours=> #p::None),
        };
        let millis = |n: &u64| Literal::u64_unsuffixed(*n).to_token_stream();
        let (name, every) = (some(args.name.get().map(ToTokens::to_token_stream)), some(args.every.get().map(millis)));
        let cron = some(args.cron.get().map(LitStr::to_token_stream));
        let said = [
            ("priority", args.priority.get().map(|n| Literal::i32_unsuffixed(*n).to_token_stream())),
            ("concurrency", args.concurrency.get().map(|n| Literal::u32_unsuffixed(*n).to_token_stream())),
            ("retries", args.retries.get().map(|n| Literal::u32_unsuffixed(*n).to_token_stream())),
            ("spread", args.spread.get().map(millis)),
            ("deadline", args.deadline.get().map(millis)),
            ("hot", args.hot.get().map(|n| some(Some(Literal::u32_unsuffixed(*n).to_token_stream())))),
            ("cluster", args.lock.get().map(ToTokens::to_token_stream)),
        ];
        let said = said.into_iter().filter_map(|(name, value)| Some((syn::Ident::new(name, ours), value?)));
        let (names, values): (Vec<_>, Vec<_>) = said.unzip();
        quote_spanned! {ours=>
            #p::Plan {
                module: ::core::module_path!(),
                function: #function,
                name: #name,
                on_start: #on_start,
                every: #every,
                cron: #cron,
                #(#names: #values,)*
                cached: #cached,
                file: ::core::file!(),
                line: ::core::line!(),
                ..#p::Plan::DEFAULT
            }
        }
    }

    fn work(&self) -> TokenStream {
        let ours = Span::mixed_site();
        let given: Vec<_> = self.function.params.iter().filter(|param| self.is_given(param)).collect();
        let found: TokenStream = given.iter().map(|param| self.found(param)).collect();
        let args = self.elements();
        let begin = self.begin();
        quote_spanned!(ours=> #found #args #begin)
    }

    /// `let db = __run.given::<Db>("db", "&Db")?;`
    fn found(&self, param: &Param) -> TokenStream {
        let Param { name, ty, .. } = param;
        let (p, ours) = (self.private.at(ty.span()), ours_at(ty));
        let (argument, text) = (name.unraw().to_string(), ty.to_token_stream().to_string());
        let bare = passing::bare(ty);
        let of = match bare {
            Type::Reference(TypeReference { elem, .. }) => elem.to_token_stream(),
            other => other.to_token_stream(),
        };
        quote_spanned!(ours=> let #name = #p::Run::given::<#of>(&__run, #argument, #text)?;)
    }

    /// `let __args = ["intro", "outro"];`
    fn elements(&self) -> TokenStream {
        let (p, ours) = (&self.private, Span::mixed_site());
        let lent: TokenStream = self.function.params.iter().filter(|param| self.is_given(param)).map(lend).collect();
        if let Some(hottest) = hot::elements(self) {
            return hottest;
        }
        match (self.args.args.get(), self.args.args_from.get()) {
            (Some(list), _) => quote_spanned!(ours=> let __args = #list;),
            (None, Some(from)) => {
                let list = match from {
                    Expr::Path(_) | Expr::Closure(_) => quote_spanned!(ours_at(from)=> (#from)()),
                    other => other.to_token_stream(),
                };
                // `?` in it is what failed before there was anything to do.
                quote_spanned! {ours=>
                    let __args = {
                        #lent
                        async { ::core::result::Result::<_, #p::Failed>::Ok(#list) }
                            .await
                            .map_err(|__error| #p::Run::unready(&__error))?
                    };
                }
            }
            (None, None) => quote_spanned!(ours=> let __args = [()];),
        }
    }

    /// `__run.each(__args, |__id| async move { .. }).await`
    fn begin(&self) -> TokenStream {
        let (p, ours, function) = (&self.private, Span::mixed_site(), &self.function);
        let name = &function.sig.ident;
        let params = function.params.iter();
        let arguments: Vec<_> =
            params.map(|param| if self.is_given(param) { given(param) } else { self.filled(param) }).collect();
        let bound: Vec<_> = self.warmed().map(element).collect();
        // That they do not fit is said where they are given.
        let there = self.args.args.get().or(self.args.args_from.get()).map_or(ours, ours_at);
        let pattern = match &bound[..] {
            [] => quote_spanned!(there=> ()),
            [one] => quote_spanned!(there=> #one),
            several => quote_spanned!(there=> (#(#several),*)),
        };
        let lent: Vec<_> = function.params.iter().filter(|param| self.is_given(param)).map(share).collect();
        if !function.is_async() {
            return quote_spanned! {ours=>
                __run.each_blocking(__args, |#pattern| {
                    #(#lent)*
                    move || #p::told!(#name(#(#arguments),*))
                })
                .await
            };
        }
        let call = quote_spanned! {ours=>
            |#pattern| {
                #(#lent)*
                async move { #p::told!(#name(#(#arguments),*).await) }
            }
        };
        match (self.batch(), self.cached.as_ref()) {
            (Some(_), Some(cached)) => {
                let most = Literal::usize_unsuffixed(cached.max_batch.get().map_or(1_000, |n| *n as usize));
                quote_spanned!(ours=> __run.each_batch(#most, __args, #call).await)
            }
            _ => quote_spanned!(ours=> __run.each(__args, #call).await),
        }
    }

    /// An argument that is warmed, as the function takes it.
    fn filled(&self, param: &Param) -> TokenStream {
        let (p, ours, bound) = (self.private.at(param.ty.span()), ours_at(&param.ty), element(param));
        if self.batch().is_some_and(|batch| batch.name == param.name) {
            return match passing::bare(&param.ty) {
                Type::Reference(_) => quote_spanned!(ours=> &#bound),
                _ => bound,
            };
        }
        match (passing::of(&param.ty), passing::bare(&param.ty)) {
            (Passing::Lent, Type::Reference(TypeReference { elem, .. })) => {
                quote_spanned!(ours=> #p::borrowed::<#elem, _>(&#bound))
            }
            (Passing::LentOption, ty) => match passing::option_of(ty) {
                Some(Type::Reference(TypeReference { elem, .. })) => {
                    quote_spanned!(ours=> #p::borrowed_option::<#elem, _>(&#bound))
                }
                _ => bound,
            },
            _ => bound,
        }
    }
}

/// `__id`
fn element(param: &Param) -> TokenStream {
    let name = syn::Ident::new(&format!("__{}", param.name.unraw()), ours_at(&param.name));
    name.to_token_stream()
}

/// `let db = &*db;`, or `let db = Clone::clone(&*db);`, for `args_from`.
pub(super) fn lend(param: &Param) -> TokenStream {
    let (name, ours) = (&param.name, ours_at(&param.ty));
    match passing::bare(&param.ty) {
        Type::Reference(_) => quote_spanned!(ours=> #[allow(unused_variables)] let #name = &*#name;),
        _ => quote_spanned!(ours=> #[allow(unused_variables)] let #name = ::core::clone::Clone::clone(&*#name);),
    }
}

/// `let db = Arc::clone(&db);`: each call has its own.
fn share(param: &Param) -> TokenStream {
    let (name, ours) = (&param.name, ours_at(&param.ty));
    quote_spanned!(ours=> let #name = ::std::sync::Arc::clone(&#name);)
}

/// What was given, as the function takes it.
fn given(param: &Param) -> TokenStream {
    let (name, ours) = (&param.name, ours_at(&param.ty));
    match passing::bare(&param.ty) {
        Type::Reference(_) => quote_spanned!(ours=> &*#name),
        _ => quote_spanned!(ours=> ::core::clone::Clone::clone(&*#name)),
    }
}

/// Is the type spelled as a database that knows itself?
fn names_database(ty: &Type) -> bool {
    match passing::bare(ty) {
        Type::Reference(reference) => names_database(&reference.elem),
        other => match passing::spelled(other) {
            Some((name, arguments)) => match name.as_str() {
                "Database" => true,
                "Arc" => arguments.first().is_some_and(|ty| names_database(ty)),
                _ => false,
            },
            None => false,
        },
    }
}
