//! Expansions under review like any code. `P` stands for the runtime's hidden module.

use proc_macro2::TokenStream;
use quote::quote;

/// Compares with the file of this name.
macro_rules! snapshot {
    ($name:literal, $expansion:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $expansion);
        });
    };
}

type Attribute = fn(TokenStream, TokenStream) -> syn::Result<TokenStream>;

fn expanded(attribute: Attribute, tokens: TokenStream, item: TokenStream) -> String {
    pretty(attribute(tokens, item))
}

/// Only what the function itself became, without its companions.
fn function(tokens: TokenStream, item: TokenStream) -> String {
    let all = expanded(super::cache, tokens, item);
    all.split("/// Companions of").next().unwrap_or_default().to_owned()
}

fn pretty(expansion: syn::Result<TokenStream>) -> String {
    let file = expansion.and_then(syn::parse2).unwrap_or_else(|error| panic!("{error}"));
    prettyplease::unparse(&file).replace("::cached_runtime::__private::", "P::")
}

#[test]
fn cache_of_an_async_function() {
    snapshot!(
        "cache_of_an_async_function",
        expanded(
            super::cache,
            quote!(key = "video:{video_id}:frames", ttl = "10m", stale = "1h", tags = ["video:{video_id}"]),
            quote! {
                /// Frames of one video.
                pub async fn frames(db: &Db, video_id: &str) -> Result<Vec<Frame>, DbError> {
                    db.frames(video_id).await
                }
            }
        )
    );
}

#[test]
fn cache_query_of_a_database() {
    snapshot!(
        "cache_query_of_a_database",
        expanded(
            super::cache_query,
            quote!(key = "caption:{video}", tables = ["Caption", "main.video"], skip(log)),
            quote! {
                async fn captions(db: &Db, video: i64, log: &Log) -> Result<Vec<String>, Error> {
                    db.captions(video).await
                }
            }
        )
        .split("///Companions of")
        .next()
        .unwrap_or_default()
    );
}

#[test]
fn cache_of_a_sync_function() {
    snapshot!("cache_of_a_sync_function", function(quote!(), quote! { fn square(n: u64) -> u64 { n * n } }));
}

#[test]
fn cache_inline() {
    snapshot!(
        "cache_inline",
        function(
            quote!(load = "inline", companions = false, cache_none, cache_if = |v| v.len() > 1),
            quote! { async fn page(page: &Page<'_>, mut n: u32) -> Option<String> { n += 1; page.get(n).await } }
        )
    );
}

#[test]
fn cache_of_a_method() {
    snapshot!(
        "cache_of_a_method",
        pretty(
            super::cache(
                quote!(key = "store:{self.tenant}:{id}", timeout = "5s"),
                quote! {
                    pub async fn load(&self, id: u64) -> Result<Row, Failure> {
                        self.get(id).await
                    }
                }
            )
            .map(|method| quote! { impl Store { #method } })
        )
    );
}

#[test]
fn cache_of_a_generic_function() {
    snapshot!(
        "cache_of_a_generic_function",
        function(
            quote!(skip(client), secret(token)),
            quote! {
                async fn fetch<T: Kind, const N: usize>(client: Client, token: Option<&str>, of: impl Part) -> T
                where
                    T: Send,
                {
                    client.fetch(token, of).await
                }
            }
        )
    );
}

#[test]
fn invalidate_of_an_async_function() {
    snapshot!(
        "invalidate_of_an_async_function",
        expanded(
            super::invalidate,
            quote!(tags = ["video:{video_id}"], frames(video_id), self.load(id)),
            quote! {
                async fn rename(db: &Db, video_id: &str, title: &str) -> Result<(), DbError> {
                    db.rename(video_id, title).await
                }
            }
        )
    );
}

#[test]
#[cfg(feature = "query")]
fn cache_query_of_a_statement() {
    snapshot!(
        "cache_query_of_a_statement",
        expanded(
            super::cache_query,
            quote!(sql = "SELECT text FROM caption WHERE video = :video AND lang = :lang", secret(lang)),
            quote! { async fn texts(db: &Database<Sqlite>, lang: &str, video: i64) -> Result<Vec<String>, Error>; }
        )
    );
}

#[test]
#[cfg(feature = "query")]
fn invalidate_of_a_statement() {
    snapshot!(
        "invalidate_of_a_statement",
        expanded(
            super::invalidate,
            quote!(sql = "UPDATE video SET title = ? WHERE id = ?", namespace = "list"),
            quote! { async fn rename(db: &Database<Sqlite>, title: &str, id: i64) -> Result<u64, Error>; }
        )
    );
}

#[test]
#[cfg(feature = "query")]
fn a_statement_that_cannot_be_given_its_values_is_refused_where_it_is_written() {
    let refused = |text: &str, of: proc_macro2::TokenStream| {
        let item = quote! { async fn f(db: &Database<#of>, x: i64) -> Result<Vec<i64>, Error>; };
        crate::fallback::or_untouched(quote!(sql = #text), item, super::cache_query).to_string()
    };
    let many = format!("SELECT y FROM a WHERE {} = 1", ":x + ".repeat(16) + ":x");
    assert!(refused(&many, quote!(Sqlite)).contains("at 17 places, of 16"));
    assert!(!refused(&many.replacen(":x + ", "", 1), quote!(Sqlite)).contains("compile_error"));
    // To MySQL the first two stand in texts.
    let texts = r"SELECT 'a\' :x ', 'b\' :x ' FROM a WHERE y = :x";
    assert!(refused(texts, quote!(MySql)).contains("cannot be told apart"));
}

#[test]
fn invalidate_of_a_sync_function() {
    snapshot!(
        "invalidate_of_a_sync_function",
        expanded(
            super::invalidate,
            quote!(pattern = "video:{id}:*", key = "video:{id}", namespace = "list", when = both),
            quote! { fn forget(id: u64) { drop(id) } }
        )
    );
}

#[test]
fn cache_of_a_batch() {
    snapshot!(
        "cache_of_a_batch",
        expanded(
            super::cache,
            quote!(batch = ids, coalesce = "2ms", tags = ["video:{ids}"]),
            quote! {
                async fn captions(db: &Db, lang: String, ids: &[VideoId]) -> Result<HashMap<VideoId, Caption>, DbError> {
                    db.captions(&lang, ids).await
                }
            }
        )
    );
}

#[test]
fn cache_of_what_is_foreseen() {
    snapshot!(
        "cache_of_what_is_foreseen",
        function(
            quote!(skip(db, user), predict(by = user, gain = 0.05), prefetch(captions(db, id))),
            quote! { async fn frames(db: &Db, user: u64, id: &str) -> Vec<Frame> { db.frames(id).await } }
        )
    );
}

#[test]
fn cache_of_what_is_foreseen_of_a_generic_function() {
    snapshot!(
        "cache_of_what_is_foreseen_of_a_generic_function",
        function(
            quote!(skip(client), predict, companions = false),
            quote! {
                async fn fetch<'a, T: Kind + 'a, const N: usize>(client: &'a Client<T>, lang: Option<&str>, of: T) -> Page<T>
                where
                    T: Send + Sync + 'static,
                {
                    client.fetch::<N>(lang, of).await
                }
            }
        )
    );
}

#[test]
fn cache_of_what_is_foreseen_of_methods() {
    let method = |tokens, item| super::cache(tokens, item).unwrap_or_else(|error| panic!("{error}"));
    let lent = method(
        quote!(key = "store:{self.tenant}:{id}", predict),
        quote! { pub async fn load(&self, id: u64) -> Row { self.get(id).await } },
    );
    let shared = method(
        quote!(key = "row:{id}", skip(self), predict(by = self.user), companions = true),
        quote! { async fn row<T: Part>(mut self: Arc<Self>, id: T) -> Row { self.get(id).await } },
    );
    let all = pretty(Ok(quote! { impl Store { #lent #shared } }));
    let shown: Vec<_> = all.split("\n    ///").filter(|part| !part.starts_with("The entry")).collect();
    snapshot!("cache_of_what_is_foreseen_of_methods", shown.join("\n    ///"));
}

#[test]
fn warmup_of_a_cached_function() {
    snapshot!(
        "warmup_of_a_cached_function",
        expanded(
            super::warmup,
            quote!(args_from = popular(db).await?, on_start, every = "30m", spread = "5m"),
            quote! {
                #[cache(skip(db))]
                async fn frames(db: &Db, id: &str, page: u32) -> Result<Vec<Frame>, DbError> { db.frames(id, page).await }
            }
        )
    );
}

#[test]
fn warmup_of_what_is_asked_for_most() {
    snapshot!(
        "warmup_of_what_is_asked_for_most",
        expanded(
            super::warmup,
            quote!(hot = 1000),
            quote! {
                #[cache(key = "video:{page}:{id}:{lang}", skip(db))]
                async fn frames(db: &Db, id: &str, lang: Option<&Lang>, page: u32) -> Result<Vec<Frame>, DbError> { db.frames(id, page).await }
            }
        )
    );
}

#[test]
fn key_part_of_a_struct() {
    let input = syn::parse_quote! {
        struct Page<'a, T> { video: &'a str, number: T, #[key(skip)] hint: u8 }
    };
    snapshot!("key_part_of_a_struct", pretty(super::key_part(&input)));
}

#[test]
fn key_part_of_an_enum() {
    let input = syn::parse_quote! { enum Sort { All, Of(u32, #[key(skip)] u8), By { name: String } } };
    snapshot!("key_part_of_an_enum", pretty(super::key_part(&input)));
}

#[test]
fn read_part_of_a_struct() {
    let input = syn::parse_quote! { struct Page<'a, T> { video: Cow<'a, str>, number: T } };
    snapshot!("read_part_of_a_struct", pretty(super::read_part(&input)));
}

#[test]
fn read_part_of_one_field() {
    let input = syn::parse_quote! { #[key(crate = framework::cached)] struct Id(u64); };
    snapshot!("read_part_of_one_field", pretty(super::read_part(&input)));
}

#[test]
fn read_part_of_an_enum() {
    let input = syn::parse_quote! { enum Sort { All, Of(u32, u8), By { name: String, r#type: bool } } };
    snapshot!("read_part_of_an_enum", pretty(super::read_part(&input)));
}

#[test]
fn what_is_refused_leaves_the_function_as_it_was() {
    let item = quote! { async fn f(id: u32) -> u32 { id } };
    let out = crate::fallback::or_untouched(quote!(tll = "1s"), item.clone(), super::cache).to_string();
    assert!(out.contains("compile_error") && out.ends_with(&item.to_string()), "{out}");
}
