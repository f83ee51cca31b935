//! The attributes of `cached-runtime`, which re-exports them: use them from there.

mod args;
mod batch;
mod check;
mod duration;
mod errors;
mod expand;
mod fallback;
mod input;
mod key;
mod lasting;
mod model;
mod passing;
mod path;
mod rate;
mod receiver;
mod sql;
mod template;
mod words;

use proc_macro::TokenStream;

/// Makes a function a cached function: the first call runs the body, later ones get what it returned.
///
/// ```text
/// #[cache(key = "video:{video_id}:frames", ttl = "10m", stale = "1h", tags = ["video:{video_id}"])]
/// async fn frames(db: &Db, video_id: &str) -> Result<Vec<Frame>, DbError> {
///     db.frames(video_id).await
/// }
/// ```
///
/// The signature, docs, generics and other attributes stay as they are. A hit clones the value and does nothing else: it
/// allocates nothing, waits for nobody and encodes nothing; return an `Arc` where a clone is dear. A miss runs the body
/// once for all who want the same key at the same time.
///
/// # What forms the key
///
/// Without `key`, all arguments that are not skipped, behind the namespace and the name of the function. With `key`, its
/// placeholders: `{argument}`, `{argument.field}`, `{self.field}`, at most one between two colons. Arguments are
/// `KeyPart`s; the types a generic function was called with always belong to the key. What must not be forgotten is an
/// error: a `self` that is neither named nor skipped, and, with `key`, a number, text or id that is neither.
///
/// # What is kept
///
/// The return *type* decides, aliases included: of a `Result` the `Ok`, of an `Option` the `Some`, of a
/// `Result<Option<_>, _>` the `Ok(Some(_))`, anything else whole. Values are `Clone + Send + Sync + 'static` and, unless
/// `local`, serde's `Serialize + DeserializeOwned`. An error goes to all who waited, if it is `Clone`; if it is not, to
/// the first of them, and the others load for themselves, a few at a time.
///
/// # Where the body runs
///
/// The body of an `async` function starts in its caller's task, and goes on in a task of its own when it first has to
/// wait, so that a caller who goes away takes nothing from the others. It sees the caller's tracing span, and must not
/// count on the caller's task-locals. With `soft_timeout`, and for a refresh ahead, it has its own task from the start.
/// What the function borrows is copied for it, on a miss only: `&T` needs `T: Clone + Send` (`str` and slices have it; of
/// a pool or a client, which are cheap to clone, it is what one wants). With `load = "inline"` the body runs in its
/// caller, borrows what it likes and need not be `Send`; if that caller goes away, the next who waits begins anew.
/// A function that is not `async` runs its body in the caller's thread, and its values stay in the near tier.
///
/// # Options
///
/// | option | meaning | default |
/// |---|---|---|
/// | `key = "a:{b}"` | the key; its first segment is fixed text, the namespace | namespace, function, arguments |
/// | `namespace = "a"` | what the key begins with; one word to invalidate | first segment of `key`, else the crate |
/// | `skip(db, self)` | arguments, or type parameters, that are no part of the key | none |
/// | `secret(token)` | arguments of which keys and tags show only a keyed hash | none |
/// | `tags = ["a:{b}"]` | names under which `#[invalidate]` finds the entry; only of what is in the key | none |
/// | `ttl = "10m"` | how long a value is fresh | by key pattern, else the cache's: 5 minutes |
/// | `ttl = "adaptive(30s..1h)"` | between these, by how often loads find another value, see below | |
/// | `profile = "query"` | a life by name: `query` 5 minutes, `resource` 10, `analysis` 30, `ml` 1 hour, `static` 1 day, and those of `Builder::profile` | none |
/// | `stale = "1h"` | how long after that it answers if the load fails | not at all |
/// | `refresh_ahead = "30s"` | how long before the end of `ttl` a hit starts a load behind; shorter than `ttl` | never |
/// | `soft_timeout = "200ms"` | how long a caller waits before it takes the stale value; needs `stale`; may be `"0s"` | for ever |
/// | `timeout = "10s"` | how long a load may take; the error needs `From<cached_runtime::Error>` | for ever |
/// | `rate = "100/s"` | so many loads may run in a second (`/m`, `/h`, `/d`), see below; the error needs `From<cached_runtime::Error>`; feature `rate` | as many as are wanted |
/// | `idle = "5m"` | how long near keeps what nobody asks for | while it lives |
/// | `jitter = 0.1` | by which part of it a life is shortened at random, 0 to 1 | 0.1 |
/// | `cache_none`, `cache_none = "30s"` | keeps `None` too, as long as a value or this long | not kept |
/// | `cache_err = "5s"` | keeps errors too, in near only; the error is `Clone` | not kept |
/// | `cache_if = \|v\| ..` | keeps only values for which this is true | all |
/// | `ttl_with = \|v\| ..` | the life of this value, as a `Duration` | `ttl` |
/// | `weigh = \|v\| ..` | the bytes of this value, for the budget of near | measured; with `local`, its size |
/// | `local` | values never leave this process | all tiers |
/// | `strict`, `strict = false` | whether stored values are served while invalidations of other nodes may be missing | the cache's: they are, for at most 60 s |
/// | `lock = "cluster"` | one load for all nodes that share a log (`redis`, `postgres`, `mysql`): the others wait for what it stores | `"node"`: one for each |
/// | `format = "json"` | the encoding below near: `postcard`, `msgpack`, `json` | the cache's: `postcard` |
/// | `compress = "text"` | the compression below near, by a profile: `json`, `response`, `text`, `binary` (by measurement), and those of `Builder::compress_profile` | the cache's: zstd, else zlib |
/// | `version = 2` | raise it when values mean something else than before: old ones are not found | 0 |
/// | `batch = ids` | the function is asked for several at once, each an entry of its own; see below | asked for one |
/// | `max_batch = 500` | how many of a batch the body is given at a time | 1,000 |
/// | `coalesce = "2ms"` | how long a load waits for the elements that other calls want | not at all |
/// | `prefetch(captions(db, id))` | calls that usually come after this one: begun beside its load, see below | none |
/// | `predict`, `predict(by = user)` | what usually follows a call is loaded ahead, where that proves to pay, see below | not |
/// | `load = "inline"` | the body runs in its caller; `"task"` is the default | `"task"` |
/// | `name = "frames"` | the name in metrics, configuration and default keys | crate, module, function |
/// | `cache = &self.cache` | the `Cache` that serves the function | the installed one |
/// | `companions = false` | whether the items below are made | `true`; methods: if they have a visibility |
/// | `crate = my::path` | where the runtime is found | `::cached_runtime` |
///
/// With `stale`, a failed load (an `Err` or a panic) is not repeated for a second: until then the old value answers.
///
/// With `rate`, the cache answers first, and only what runs the body spends the budget: hits, values that a tier has and
/// calls that wait for another's load are free. As many loads as are named may run at once, and one more each time its part
/// of the unit has passed (`"100/s"`: each 10 ms). Beyond that the old value answers, where `stale` allows one, and else the
/// error of kind `Rate`, at once; a refresh ahead is left out. One budget holds for a function in this process and cache, all
/// of its keys together: three nodes load three times as often. Calls that go by the cache, as in a transaction, do not count.
/// `Builder::rate` and `Cache::set_rate` change it without a new build.
///
/// # Lives that follow changes
///
/// With `ttl = "adaptive(30s..1h)"` each load is a look at the source: the same value lengthens the life of its key, another
/// one shortens it at once. How often a key changes and how often it is asked for decide together, so that values that change
/// rarely cost few loads and those that change and are read often are seldom old. A key that is new begins where others of
/// its function are. What an invalidation has announced teaches nothing. Values are compared by their `Serialize`; a `HashSet`
/// counts as changed when its order does. Costs half a microsecond and a walk over the value per load, nothing on a hit, and 2
/// MiB at most for a function. Not with `local`, nor for functions that are not `async`. `SiteStats::adaptive` has the figures.
///
/// # Batches
///
/// ```text
/// #[cache(batch = ids, key = "caption:{ids}", tags = ["video:{ids}"], max_batch = 500)]
/// async fn captions(db: &Db, ids: &[VideoId]) -> Result<HashMap<VideoId, Caption>, DbError> {
///     db.captions_of(ids).await                       // only those that are nowhere, each once
/// }
/// ```
///
/// Each element is an entry of its own, by the same options as any other: where `key`, `tags` and companions say `{ids}`
/// they mean one of them. Near is asked about each, each tier once about those that near does not have, and the body about
/// those that are nowhere and that no other call loads now. The argument is a `&[Id]` or a `Vec<Id>`, with
/// `Id: Clone + Send`; the answer is a `HashMap<Id, V>`, a `BTreeMap<Id, V>`, a `Vec<(Id, V)>` or, in the order of what was
/// asked, a `Vec<Option<V>>`, or a `Result` of one of these.
///
/// What the answer leaves out is absent, and kept as such with `cache_none`. What it says of elements that nobody asked for
/// is dropped. Answers in order that are fewer or more than were asked for panic, for nobody can tell which is whose, and so do
/// several pairs for one element; none of them is kept. Values are kept as they are, a `Result` in a map as well. An error is
/// the answer of the whole call, however much of it was there; the parts that `max_batch` makes run one after the other, up to
/// the first that fails. A batch of none asks nobody.
///
/// A load has copies of the other arguments, of those by value too: they are `Clone`.
///
/// `captions::one(&db, &id)` asks for one. With `coalesce`, calls of it, or of the function, that miss within that time and
/// agree in all other keyed arguments become one load; it begins earlier if `max_batch` are together. So a loop in a resolver
/// that asks for one at a time, in tasks or with `join_all`, costs one query. Each miss waits up to that long: leave it out where
/// calls come one after the other. Arguments that are skipped are taken from the call that came first.
///
/// An `async` function for one shares the entries of a batch if both say the same `name`, the same key, tags and options, and
/// have the same arguments but for the element: in tiers, and, if it returns what `one` does, near and loads as well. Else it
/// has values of its own in near. Not with `load = "inline"`, `lock = "cluster"` or `sql`.
///
/// # Prefetch
///
/// ```text
/// #[cache(key = "video:{id}:frames", skip(db), prefetch(captions(db, id), objects(db, id)))]
/// async fn frames(db: &Db, id: &str) -> Result<Vec<Frame>, DbError> { .. }
/// ```
///
/// When near cannot answer, these calls begin in tasks of their own, with copies of the arguments that they name, and nobody
/// waits for them: not even for a place. Who asks for one of them meanwhile joins its load. A failure or a panic of theirs is
/// theirs alone. What they bring is invalidated as anything else, also while it is on its way. Any call of an `async`
/// function goes, `self.captions(id)` and `async { .. }` too; of those that are not cached nothing is kept.
///
/// At most as many run at a time as `Builder::prefetches` says; more are left out, and counted. What is prefetched prefetches
/// in turn, up to three calls deep, and nothing that is on its way already: circles end. A function may prefetch itself, as the
/// next page: one step, and the next step when somebody comes to that one. In a transaction nothing is
/// prefetched, nor by a job of a warm-up. `SiteStats::prefetched` tells how much was used, came late or was wasted.
///
/// # Predictions
///
/// ```text
/// #[cache(key = "object:{id}", skip(db, user), predict(by = user))]
/// async fn object(db: &Db, user: UserId, id: ObjectId) -> Result<Object, DbError> { .. }
/// ```
///
/// With `predict` each call is remembered as what followed the two before it in its session, and where one key followed
/// another at least three times, the likely path from here is loaded ahead, some steps far. Each prediction is judged by what
/// the session asks for in its next 100 calls, whether it was loaded or not; only kinds of evidence that came true often
/// enough (`precision`, 0.8) are acted upon, and where less than `gain` (0.02) of the misses could be spared, it is switched
/// off, and watched on in a sample to find out when it would pay again. `SiteStats::prediction` has the figures.
///
/// A session is what `by` says, compared by its hash; else what `session::in_session` was told; else the tokio task. `by`
/// should be skipped: what is in the key is part of what is predicted. Other calls than the predicted are as `prefetch`
/// makes them: in tasks of their own, within `Builder::prefetches`, joined by who asks, fenced by invalidations.
///
/// `ahead` (16) is how many steps are looked at most; how many are depends on how late loads come. Costs a tenth of a
/// microsecond to half of one for each call, hits too, and 2 to 9 MiB for a function, and what its keys hold on the heap: for keys that are asked for in
/// sequences, not for hot ones. Not for batches, nor with an argument of type `impl Trait`: give the type a name.
///
/// A method is called again with a copy of its receiver, of the one that the key names or else of the one at hand. That is
/// done from a function beside it, `__load_ahead`, so it needs what companions need: a visibility or `companions = true`, and
/// an `impl` that is not of a trait. Each instance of a generic function loads ahead what it can be asked for itself; where
/// what they keep of their arguments differs in type and their keys do not, as of `[u8; N]`, only the first that was called.
///
/// Durations are text: `500ms`, `30s`, `10m`, `1h30m`, `7d`. Closures in options capture nothing and see a reference to
/// what is kept.
///
/// # Companions
///
/// Beside a function `frames` stands a type of the same name: `frames::entry(..)`, `frames::key(..)`,
/// `frames::peek(..)` and `frames::remove(..)` take what forms the key, `frames::refresh(..)` takes all arguments and
/// loads anew, `frames::site()` knows name and policy. Beside a method `load` stand `load_entry` and `load_refresh`.
/// An associated function that mentions neither `self` nor `Self` looks like any other function to an attribute, and a
/// type cannot stand in an `impl`: write `companions = false` on it, as where the type's name is taken by a module.
///
/// # What is refused
///
/// ```text
/// #[cache(tll = "10m")]                          // unknown option `tll`: did you mean `ttl`?
/// async fn frames(db: &Db) -> Vec<Frame> { .. }
/// ```
///
/// All mistakes of one attribute are reported at once, and the function is left as it was. `const`, `unsafe`, `extern`
/// and variadic functions, arguments without a name, and returns of nothing, of `impl Trait`, of a future or of a borrow
/// are refused too. Do not cache what has effects: a hit skips the body.
#[proc_macro_attribute]
pub fn cache(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fallback::or_untouched(attribute.into(), item.into(), expand::cache).into()
}

/// Caches what a function reads from a database: `#[cache]` with what it reads as tags, so that writes make it untrue.
///
/// ```text
/// #[cache_query(sql = "SELECT id, text FROM caption WHERE video = :video_id", ttl = "10m")]
/// async fn captions(db: &Database<Sqlite>, video_id: i64) -> Result<Vec<Caption>, Error>;
///
/// #[cache_query(tables = ["caption", "video"], ttl = "10m")]
/// async fn titles(db: &Database<Sqlite>, video_id: i64) -> Result<Vec<String>, Error> { .. }
/// ```
///
/// # With `sql`
///
/// The statement is the body, and the signature ends with `;`. It is checked where it is written: that it can be read, is
/// one statement, reads and does not write, and takes as many values as there are arguments. The first argument is the
/// database: a `&Database<_>`, a `Database<_>` or an `Arc` of one. The others are bound in order to `?`, by number to
/// `$1` or `?1`, or by their names to `:video_id`, which becomes what the database takes; what is skipped is not bound.
///
/// The return type says what becomes of the rows: `Vec<T>`, or `Arc<Vec<T>>`, of which a hit copies none, is all of them, `Option<T>` the first if there is one, `T` the
/// first, and an error if there is none. A `T` that derives `sqlx::FromRow`, or is a tuple, is made of a whole row, any
/// other of the first column, of which `Option<T>` takes `NULL` for none; `Vec<u8>` is one value. The error is
/// `From<cached_runtime::Error>`.
///
/// The tables are read from the statement. Where it says which rows it is about (`WHERE video = ?`, of a whole number or a
/// text of ASCII letters and digits, by a column that the schema makes a key or indexes), a write that says the same
/// (`UPDATE caption SET .. WHERE video = ?`, `INSERT .. VALUES`) touches only the entries of those rows; any other write
/// to the table touches all of them. Views, triggers, foreign keys and partitions are looked up in the schema.
///
/// # With a body
///
/// An argument that is a `database::Database` is known by its type: its name is part of the key and of the tags, what is
/// written through it invalidates, its cache is the one that is used, and in a transaction it is read without the cache,
/// for others must not see what is not committed. A connection of another library is left out with `skip(pool)`, and is
/// called as `database` says.
///
/// # Options
///
/// All of `#[cache]`, and those below. Where neither `ttl` nor `profile` is given, it is `profile = "query"`: 5 minutes, if
/// configuration does not say otherwise.
///
/// | option | meaning |
/// |---|---|
/// | `sql = "SELECT .."` | the statement that is asked, in place of a body |
/// | `tables = ["video"]` | the tables, or views, that the body reads. Has to be given where `sql` is not |
/// | `database = "orders"` | what a connection of another library is called. Default: `main` |
/// | `ttl` | Default: `"5m"`, so that what is written behind the framework's back is seen at last |
/// | `namespace` | Default: `query` |
///
/// What another library writes is told with `#[invalidate(tables = ["video"])]`, or by tags: `sql:main:video`
/// and `sql:main:video:*`, and `sql:main` for all tables.
///
/// # What is refused
///
/// ```text
/// #[cache_query(ttl = "10m")]                    // name the tables that it reads
/// async fn captions(db: &Db, video_id: i64) -> Vec<Caption> { .. }
/// ```
#[proc_macro_attribute]
pub fn cache_query(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fallback::or_untouched(attribute.into(), item.into(), expand::cache_query).into()
}

/// Forgets what a function makes untrue, when its body has succeeded.
///
/// ```text
/// #[invalidate(tags = ["video:{video_id}"], frames(video_id))]
/// async fn rename(db: &Db, video_id: &str, title: &str) -> Result<(), DbError> { .. }
/// ```
///
/// When the function returns, no call that starts later gets a value from before. A `Result` succeeds by `Ok`, anything
/// else by being returned. An `Err` or a panic forgets nothing; a future that is dropped halfway may have written
/// already, so that forgets too. Costs nothing but the arguments' text until then.
///
/// # Options
///
/// At least one of the first nine; each may use `{argument}`, `{argument.field}` and `{self.field}`.
///
/// | option | forgets |
/// |---|---|
/// | `frames(video_id)` | the entry of that call, types checked; the arguments as `frames::entry` takes them |
/// | `self.load(id)`, `Self::load(id)` | the same of a method, by its `load_entry` |
/// | `tags = ["video:{id}"]` | all entries with this tag |
/// | `key = "video:{id}"`, `keys = [..]` | the entry of this key, written as `key` of `#[cache]` writes it |
/// | `pattern = "video:{id}:*"`, `patterns = [..]` | all keys that match; `*` is any text, `?` any one character |
/// | `namespace = "video"` | all keys of this namespace |
/// | `sql = "UPDATE .."` | what the statement writes, which is run in place of a body: see [below](#with-sql) |
/// | `tables = ["video"]` | what `#[cache_query]` read from these tables, for writes by a library that does not tell; a `Database` tells by itself |
/// | `when = "after"` | `"before"` the body, `"after"` it (the default), or `"both"` |
/// | `database = "orders"` | nothing: what the database of `tables` is called. Default: `main` |
/// | `secret(token)` | nothing: shows only a hash of these arguments, as `secret` of `#[cache]` does |
/// | `cache = &self.cache` | in this `Cache`. Default: the installed one |
/// | `crate = my::path` | nothing: where the runtime is found. Default: `::cached_runtime` |
///
/// # With `sql`
///
/// ```text
/// #[invalidate(sql = "UPDATE video SET title = :title WHERE id = :id")]
/// async fn rename(db: &Database<Sqlite>, id: i64, title: &str) -> Result<u64, Error>;
/// ```
///
/// An `INSERT`, `UPDATE` or `DELETE`, checked and given its values as `sql` of `#[cache_query]` is, and run by
/// `Database::execute`, which tells all that becomes untrue. It returns `Done`, how many rows there were (`u64`), or `()`.
/// Other options are told when it has succeeded.
///
/// # What is refused
///
/// ```text
/// #[invalidate]                                  // nothing is named that could be invalidated
/// async fn rename(video_id: &str) { .. }
/// ```
#[proc_macro_attribute]
pub fn invalidate(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fallback::or_untouched(attribute.into(), item.into(), expand::invalidate).into()
}

#[doc = include_str!("docs/warmup.md")]
#[proc_macro_attribute]
pub fn warmup(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fallback::or_untouched(attribute.into(), item.into(), expand::warmup).into()
}

/// Makes a type a `KeyPart`: what may be an argument of a cached function, by its fields.
///
/// ```text
/// #[derive(KeyPart)]
/// struct Page<'a> {
///     video: &'a str,
///     number: u32,
///     #[key(skip)]
///     hint: Hint,
/// }
/// ```
///
/// A type with one field stands for that field, one with several for the tuple of them, an enum for the name of its
/// variant and the fields of it. Borrowed fields are looked up borrowed and copied on a miss only. Every field that
/// counts is a `KeyPart`, at most twelve of them; generic types are key parts where their fields are.
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `#[key(skip)]` on a field | two values that differ in it only are the same key |
/// | `#[key(crate = my::path)]` on the type | where the runtime is found. Default: `::cached_runtime` |
///
/// Names of variants are part of the key's text: to rename one is to forget what is stored under it.
/// Unions, enums without variants and types that hold themselves are refused:
///
/// ```text
/// #[derive(KeyPart)]
/// enum Never {}                                  // an enum without variants has no values
/// ```
#[proc_macro_derive(KeyPart, attributes(key))]
pub fn derive_key_part(item: TokenStream) -> TokenStream {
    fallback::or_errors(syn::parse(item).and_then(|item| expand::key_part(&item))).into()
}

/// Makes a type a `ReadPart`: what can be read back out of the text that `#[derive(KeyPart)]` writes of it.
///
/// ```text
/// #[derive(KeyPart, ReadPart)]
/// enum Sort {
///     Name,
///     By { field: String, descending: bool },
/// }
/// ```
///
/// It is the inverse of `#[derive(KeyPart)]`: a type with one field is read as that field, one with several as the tuple of
/// them, an enum by the name of its variant. Every field is a `ReadPart`; generic types can be read back where their fields
/// can. A text that names no value of the type is `None`, also that of a variant that was renamed since.
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `#[key(crate = my::path)]` on the type | where the runtime is found. Default: `::cached_runtime` |
///
/// # What is refused
///
/// What `#[derive(KeyPart)]` refuses, and fields of which the text holds too little: those that are left out of the key, and
/// those that borrow.
///
/// ```text
/// #[derive(KeyPart, ReadPart)]
/// struct Page<'a> {
///     video: &'a str,                            // nobody holds what this borrows from: ..
///     #[key(skip)]                               // it is not in the key: ..
///     hint: Hint,
/// }
/// ```
///
/// A `ReadPart` by hand says what such a field is.
#[proc_macro_derive(ReadPart, attributes(key))]
pub fn derive_read_part(item: TokenStream) -> TokenStream {
    fallback::or_errors(syn::parse(item).and_then(|item| expand::read_part(&item))).into()
}
