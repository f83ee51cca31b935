//! Methods and generic functions are called again as they were called: with their receivers, types and constants.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::session::in_session;
use cached_runtime::{KeyPart, cache};

use super::{Shop, settled};

/// A shop with a name, which its methods answer with.
#[derive(Clone)]
struct Branch {
    shop: Shop,
    name: &'static str,
}

impl Branch {
    fn new(name: &'static str) -> Self {
        Self { shop: Shop::new(), name }
    }

    fn load(&self, id: &str) -> Result<String, String> {
        self.shop.load(&format!("{id} of {}", self.name))
    }

    #[cache(key = "pred-lent:{self.name}:{id}", cache = &self.shop.world.cache, ttl = "1m", jitter = 0, predict)]
    pub(super) async fn lent(&self, id: u32) -> Result<String, String> {
        self.load(&id.to_string())
    }

    #[cache(key = "pred-shared:{id}", skip(self), cache = &self.shop.world.cache, ttl = "1m", jitter = 0, predict, companions = true)]
    async fn shared(self: Arc<Self>, id: u32) -> Result<String, String> {
        self.load(&id.to_string())
    }

    #[cache(key = "pred-through:{id}", skip(self), cache = &self.shop.world.cache, ttl = "1m", jitter = 0, predict(by = self.name), companions = true)]
    async fn through(self: &Arc<Self>, id: &str) -> Result<String, String> {
        self.load(id)
    }

    #[cache(key = "pred-moved:{self.name}:{id}", cache = &self.shop.world.cache, ttl = "1m", jitter = 0, predict, companions = true)]
    async fn moved(mut self, id: u32) -> Result<String, String> {
        self.name = "none";
        self.load(&id.to_string())
    }

    #[cache(key = "pred-beside:{id}", skip(of), cache = &of.shop.world.cache, ttl = "1m", jitter = 0, predict, companions = true)]
    async fn beside(of: &Self, id: u32) -> Result<String, String> {
        of.load(&id.to_string())
    }
}

/// Something to be sold, by its type.
trait Ware: Clone + Send + Sync + 'static {
    const NAME: &'static str;
}

#[derive(Clone)]
struct Book;

#[derive(Clone)]
struct Lamp;

impl Ware for Book {
    const NAME: &'static str = "books";
}

impl Ware for Lamp {
    const NAME: &'static str = "lamps";
}

#[cache(key = "pred-wares:{id}", skip(shop), cache = &shop.world.cache, ttl = "1m", jitter = 0, predict)]
async fn wares<'a, W: Ware + 'a, I, const FLOOR: usize>(shop: &'a Shop, id: I) -> Result<String, String>
where
    I: KeyPart + Clone + ToString + Send + Sync + 'static,
{
    shop.load(&format!("{} of {}, {FLOOR}", id.to_string(), W::NAME))
}

/// Where one kind of things is kept.
#[derive(Clone)]
struct Store<W> {
    shop: Shop,
    ware: std::marker::PhantomData<W>,
}

impl<W: Ware> Store<W> {
    #[cache(key = "pred-stored:{id}", skip(self), cache = &self.shop.world.cache, ttl = "1m", jitter = 0, predict)]
    pub(super) async fn stored<I>(&self, id: I) -> Result<String, String>
    where
        I: KeyPart + Clone + ToString + Send + Sync + 'static,
    {
        self.shop.load(&format!("{} of {}", id.to_string(), W::NAME))
    }
}

/// Goes along the same way again and again, each time all is old; of the last 400 steps at most a quarter are misses.
async fn foreseen(shop: &Shop, site: &str, step: impl AsyncFn(u32) -> Result<String, String>, name: &str) {
    let mut before = 0;
    for round in 0..70 {
        if round == 60 {
            before = shop.misses(site);
        }
        for id in 0..40 {
            assert_eq!(step(id).await.unwrap(), format!("object {id} of {name}"));
            settled().await;
        }
        shop.world.clock.advance(Duration::from_secs(61));
    }
    let misses = shop.misses(site) - before;
    let (prediction, ahead) = shop.stats(site);
    assert!(misses <= 100, "{site}: {misses} of 400: {prediction:?}");
    assert!(ahead.used > 300 && ahead.used * 10 >= ahead.brought * 9, "{site}: {ahead:?}");
}

#[tokio::test]
async fn methods_are_called_again_with_their_receivers() {
    let branch = Branch::new("north");
    in_session(1, foreseen(&branch.shop, "lent", async |id| branch.lent(id).await, "north")).await;
    in_session(2, foreseen(&branch.shop, "moved", async |id| branch.clone().moved(id).await, "none")).await;
    in_session(3, foreseen(&branch.shop, "beside", async |id| Branch::beside(&branch, id).await, "north")).await;
    let branch = Arc::new(branch);
    in_session(4, foreseen(&branch.shop, "shared", async |id| Arc::clone(&branch).shared(id).await, "north")).await;
    foreseen(&branch.shop, "through", async |id| branch.through(&id.to_string()).await, "north").await;
    assert_eq!(branch.shop.loads(), 5 * 70 * 40, "nothing is loaded twice");
}

#[tokio::test]
async fn what_is_keyed_by_its_receiver_is_loaded_by_that_receiver() {
    let north = Branch::new("north");
    let south = Branch { name: "south", ..north.clone() };
    let of = |id: u32| if id.is_multiple_of(2) { &north } else { &south };
    in_session(1, async {
        for _ in 0..60 {
            for id in 0..40 {
                assert_eq!(of(id).lent(id).await.unwrap(), format!("object {id} of {}", of(id).name));
                settled().await;
            }
            north.shop.world.clock.advance(Duration::from_secs(61));
        }
    })
    .await;
    let (prediction, ahead) = north.shop.stats("lent");
    assert!(ahead.used > 1_000, "{prediction:?} {ahead:?}");
    assert_eq!(north.shop.loads(), 60 * 40, "nothing is loaded that nobody asks for");
}

#[tokio::test]
async fn generic_functions_are_called_again_with_their_types() {
    let shop = Shop::new();
    let books = foreseen(&shop, "wares", async |id| wares::<Book, u32, 1>(&shop, id).await, "books, 1");
    in_session(1, books).await;
    assert_eq!(shop.loads(), 70 * 40, "nothing is loaded twice");

    let shop = Shop::new();
    let lamps = async |id: u32| wares::<Lamp, String, 2>(&shop, id.to_string()).await;
    in_session(1, foreseen(&shop, "wares", lamps, "lamps, 2")).await;

    let store = Store { shop: Shop::new(), ware: std::marker::PhantomData::<Book> };
    in_session(1, foreseen(&store.shop, "stored", async |id| store.stored(id).await, "books")).await;
    assert_eq!(store.shop.loads(), 70 * 40, "nothing is loaded twice");
}

#[tokio::test]
async fn instances_call_none_but_themselves() {
    let shop = Shop::new();
    in_session(1, async {
        for _ in 0..60 {
            for id in 0..40_u32 {
                let floor = 1 + id / 10 % 2;
                let answer = match floor {
                    1 => wares::<Book, u32, 1>(&shop, id).await,
                    _ => wares::<Book, u32, 2>(&shop, id).await,
                };
                assert_eq!(answer.unwrap(), format!("object {id} of books, {floor}"));
                settled().await;
            }
            shop.world.clock.advance(Duration::from_secs(61));
        }
    })
    .await;
    let (prediction, ahead) = shop.stats("wares");
    assert!(ahead.used > 500, "{prediction:?} {ahead:?}");
    assert_eq!(shop.loads(), 60 * 40, "nothing is loaded that nobody asks for");
}
