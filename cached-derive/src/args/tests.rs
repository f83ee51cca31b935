//! The grammar: what is read, and that one mistake never hides another.

use quote::quote;

use super::*;

fn cache(tokens: TokenStream) -> (CacheArgs, Vec<String>) {
    let mut errors = Errors::default();
    let args = CacheArgs::parse(Attribute::Cache, tokens, &mut errors);
    (args, said(errors))
}

fn invalidate(tokens: TokenStream) -> (InvalidateArgs, Vec<String>) {
    let mut errors = Errors::default();
    let args = InvalidateArgs::parse(tokens, &mut errors);
    (args, said(errors))
}

fn said(errors: Errors) -> Vec<String> {
    errors.finish().err().into_iter().flatten().map(|error| error.to_string()).collect()
}

#[test]
fn every_option_is_read() {
    let (args, said) = cache(quote! {
        key = "a:{b}", tags = ["t:{b}",], skip(db, self), secret(token), namespace = "n", name = "site.name",
        version = 3, ttl = "10m", stale = "1h", refresh_ahead = "30s", jitter = 0.25, soft_timeout = "0s",
        timeout = "10s", rate = "100/m", idle = "5m", local, strict = false, lock = "cluster", format = json, compress = "text", load = "inline", cache_none, cache_err = "5s",
        cache_if = |a, b| a < b, ttl_with = life::<u8, u16>, weigh = |v| v.len(), companions = false,
        cache = &self.cache, crate = my::cached,
    });
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(args.key.get().map(syn::LitStr::value).as_deref(), Some("a:{b}"));
    assert_eq!(args.skip.get().map(Vec::len), Some(2));
    assert_eq!((args.ttl.get(), args.soft_timeout.get()), (Some(&600_000), Some(&0)));
    assert_eq!((args.jitter.get(), args.version.get(), args.format.get()), (Some(&0.25), Some(&3), Some(&"Json")));
    assert_eq!(args.compress.get().map(syn::LitStr::value).as_deref(), Some("text"));
    assert_eq!(args.cache_none.get(), Some(&CacheNone::AsValue));
    assert!(args.is_inline() && args.local.is_given() && args.cache_if.is_given() && args.ttl_with.is_given());
    assert_eq!(args.rate.get().map(|rate| (rate.loads, rate.per)), Some((100, 60_000)));
    assert_eq!((args.strict.get(), args.lock.get()), (Some(&false), Some(&true)));
    assert!(args.cache.is_given() && args.krate.is_given() && args.companions.get() == Some(&false));
}

#[test]
fn nothing_is_an_attribute_too() {
    let (args, said) = cache(quote!());
    assert!(said.is_empty() && !args.key.is_given() && !args.is_inline());
}

#[test]
fn a_mistake_never_hides_the_next() {
    let (args, said) = cache(quote!(tll = "1s", ttl = 5, skip(a.b, a, a), jitter = 2, load = "inlin" x, idle = "1s"));
    assert_eq!(
        said,
        [
            "unknown option `tll`: did you mean `ttl`?",
            "durations are text: write `ttl = \"5s\"` for seconds",
            "`skip` takes whole arguments; to use a field, name it in `key`",
            "`a` is named twice",
            "`a` is named twice",
            "`jitter` takes a number from 0 to 1: `jitter = 0.1`",
            "unknown load `inlin`: did you mean `inline`?",
        ]
    );
    assert_eq!(args.idle.get(), Some(&1000), "reading goes on behind a mistake");
}

#[test]
fn an_option_given_twice_is_said_at_the_second() {
    let (args, said) = cache(quote!(ttl = "1s", ttl = "2s"));
    assert_eq!(said, ["`ttl` is given twice: keep one of the two"]);
    assert_eq!(args.ttl.get(), Some(&1000));
}

#[test]
fn a_value_that_is_missing_or_odd_says_how_it_is_written() {
    for (tokens, says) in [
        (quote!(ttl), "`ttl` needs a value: `ttl = \"10m\"`"),
        (quote!(ttl =), "`ttl =` needs a value: `ttl = \"10m\"`"),
        (quote!(local = true), "`local` stands alone, without a value"),
        (quote!(tags = "a"), "`tags` takes a list of texts: `tags = [\"video:{video_id}\"]`"),
        (quote!(tags = [a]), "`tags` takes a list of texts: `tags = [\"video:{video_id}\"]`"),
        (quote!(tags = []), "`tags` is empty: leave it out"),
        (quote!(skip = db), "`skip` names arguments in parentheses: `skip(db)`"),
        (quote!(skip()), "`skip` names no argument: `skip(db)`"),
        (quote!(jitter = -1), "`jitter` takes a number from 0 to 1: `jitter = 0.1`"),
        (quote!(version = 99999999999), "`version` takes a whole number: `version = 2`"),
        (quote!(companions = "no"), "`companions` takes `true` or `false`: `companions = false`"),
        (quote!(ttl = "0s"), "`ttl` cannot be zero: leave the option out, or give a time such as \"1s\""),
        (quote!(rate = 100), "rates are text: write `rate = \"100/s\"` for each second"),
        (quote!(rate = -1), "`rate` takes a rate: `rate = \"100/s\"`"),
        (quote!(ttl = "1s" stale = "1s"), "expected a comma before the next option"),
        (quote!(name = "a:b"), "`name` cannot hold `:`: use letters, digits and `-_.@/+$&!`"),
        (quote!(= 3), "expected an option, such as `ttl = \"10m\"`"),
    ] {
        assert_eq!(cache(tokens.clone()).1, [says], "{tokens}");
    }
}

#[test]
fn calls_stand_beside_options() {
    let (args, said) = invalidate(quote! {
        tags = ["a"], frames(video_id, &x), api::frames::<u8>(1), Self::load(id), self.inner.load(id), secret(token),
        when = both, key = "k", keys = ["l", "m"], pattern = "p:*", patterns = ["q:*"], namespace = "n", cache = c,
    });
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(args.calls.len(), 4);
    assert_eq!((args.all_keys().count(), args.all_patterns().count(), args.all_tags().count()), (3, 2, 1));
    assert_eq!(args.when.get(), Some(&When::Both));
    assert!(args.names_something() && args.is_secret(&quote::format_ident!("token")));
}

#[test]
fn what_is_neither_call_nor_option_is_refused() {
    assert_eq!(invalidate(quote!(tag = ["a"])).1, ["unknown option `tag`: did you mean `tags`?"]);
    let (_, said) = invalidate(quote!(frames));
    assert_eq!(said, ["`frames` is no option; for the entry of a cached function call it: `frames(..)`"]);
    assert!(invalidate(quote!(1 + 2)).1[0].starts_with("expected an option, such as"));
    assert!(!invalidate(quote!(when = "after")).0.names_something());
}
