//! The pictures in README, which are taken anew by
//! `CACHED_PICTURES=examples/data/dashboard cargo test --workspace --all-features --test browser pictures`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use cached_runtime::clock::Clock;
use kit::Browser;

use crate::desk::{Desk, WRITE, admin};
use crate::shop::{Shop, category, move_to, page, price, rename, session, set_price, shelf};

/// A picture is at most so large.
const MOST: usize = 250 << 10;
/// Customers came for so many days before, more by day than by night: noted every five minutes, and in the last hour every
/// five seconds.
const DAYS: u64 = 2;
/// It is afternoon when pictures are taken, and customers still come for so long.
const NOW: u64 = 820 * MINUTE;
const OPEN: Duration = Duration::from_secs(25);
/// How many come in ten seconds, by the hour of the day.
const BY_HOUR: [u32; 24] = [2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 10, 9, 8, 8, 8, 9, 9, 8, 7, 6, 4, 3];
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// So many are served at a time.
const AT_ONCE: u32 = 8;

/// Numbers by chance.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 31)
    }

    /// The number of one who comes: few are asked for often, and many seldom.
    fn skewed(&mut self) -> u32 {
        (self.part().powi(4) * 2_000.0) as u32
    }

    fn below(&mut self, most: u32) -> u32 {
        (self.part() * f64::from(most)) as u32
    }
}

/// One who looks at a product and its category, and has a session.
async fn customer(shop: Shop, mut dice: Dice) {
    let product = dice.skewed();
    session(&shop, &format!("customer {}", dice.skewed())).await;
    let _page = page(&shop, product).await;
    let _price = price(&shop.db, i64::from(product % 5) + 1).await;
    shelf(&shop, product % 50).await;
    category(&shop, product % 30).await;
}

/// Those who come in, and those who work there.
struct Street {
    shop: Shop,
    dice: Dice,
    came: u32,
}

impl Street {
    async fn come(&mut self, many: u32) {
        let mut inside = tokio::task::JoinSet::new();
        for _ in 0..many {
            let _part = self.dice.part();
            inside.spawn(customer(self.shop.clone(), self.dice.clone()));
            if inside.len() == AT_ONCE as usize {
                inside.join_next().await;
            }
            self.came += 1;
            if self.came.is_multiple_of(700) {
                let _renamed = rename(&self.shop, self.dice.skewed()).await;
                let _moved = move_to(&self.shop, self.dice.skewed(), self.came % 30).await;
            }
            if self.came.is_multiple_of(3_000) {
                let _set = set_price(&self.shop, i64::from(self.came % 5) + 1, i64::from(self.came)).await;
            }
        }
        inside.join_all().await;
    }

    /// So many come now in so much time.
    fn many_in(&mut self, time: u64) -> u32 {
        let hour = usize::try_from(self.shop.clock.now() / HOUR % 24).unwrap_or_default();
        let usual = f64::from(BY_HOUR[hour]) * time as f64 / 10_000.0;
        (usual * (0.75 + self.dice.part() / 2.0)).round() as u32 + self.dice.below(2)
    }

    /// What was before somebody looks. Now and then the source of pages is away.
    async fn before(&mut self, desk: &Desk) {
        for (step, steps) in [(5 * MINUTE, (DAYS * 24 - 1) * HOUR / (5 * MINUTE)), (5_000, HOUR / 5_000)] {
            for at in 0..steps {
                self.shop.fail(at % 250 > 240);
                let many = self.many_in(step);
                self.come(many).await;
                desk.pass(Duration::from_millis(step)).await;
            }
            self.shop.fail(false);
        }
    }

    /// Until the shop closes; its clock goes as others do.
    async fn go_on(mut self, closed: &AtomicBool) {
        while !closed.load(Ordering::SeqCst) {
            let start = Instant::now();
            let many = 1 + self.dice.below(2);
            self.come(many).await;
            tokio::time::sleep(Duration::from_millis(1_000).saturating_sub(start.elapsed())).await;
            self.shop.clock.advance(start.elapsed());
        }
    }
}

fn keep(browser: &Browser, folder: &Path, name: &str) {
    let png = base64::engine::general_purpose::STANDARD.decode(browser.picture()).expect("a picture is Base64");
    assert!(png.len() <= MOST, "{name} has {} bytes", png.len());
    std::fs::write(folder.join(name), png).expect("the folder can be written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_taken_when_somebody_asks_for_them() {
    let Some(folder) = std::env::var_os("CACHED_PICTURES") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let shop = Shop::at_pace(Clock::manual(), Duration::from_millis(1), 1 << 20).await;
    let days = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970").as_secs() / 86_400;
    shop.clock.set((days - DAYS) * 24 * HOUR + NOW);
    let warmer = shop.warmed().await;
    let router = admin(&shop).warmer(&warmer).rate("100000/s".parse().unwrap()).router().unwrap();
    let desk = Desk::over(shop.clone(), router).await;
    let mut street = Street { shop: shop.clone(), dice: Dice(7), came: 0 };
    street.before(&desk).await;
    let closed = Arc::new(AtomicBool::new(false));
    let open = tokio::spawn({
        let closed = Arc::clone(&closed);
        async move { street.go_on(&closed).await }
    });
    let browser = desk.open(WRITE);
    let start = Instant::now();
    while start.elapsed() < OPEN {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let scroll = |to: &str| browser.run(&format!("document.documentElement.style.scrollBehavior = 'auto'; {to};"));
    browser.resize(1_280, 860, false);
    browser.prefer("light");
    scroll("scrollTo(0, 0)");
    keep(&browser, &folder, "light.png");
    browser.prefer("dark");
    scroll("document.getElementById('sites').scrollIntoView()");
    keep(&browser, &folder, "dark.png");
    browser.prefer("light");
    scroll("document.getElementById('invalidation').scrollIntoView()");
    keep(&browser, &folder, "graph.png");
    browser.fill("#range", "86400");
    scroll("document.getElementById('charts').previousElementSibling.scrollIntoView()");
    browser.until("/p99 [0-9]/.test(document.querySelectorAll('#charts .canvas')[2].getAttribute('aria-label'))");
    keep(&browser, &folder, "day.png");
    browser.prefer("dark");
    scroll("document.getElementById('daily').scrollIntoView()");
    keep(&browser, &folder, "hours.png");
    browser.prefer("light");
    browser.fill("#range", "600");
    browser.resize(360, 740, true);
    scroll("scrollTo(0, 0)");
    keep(&browser, &folder, "phone.png");
    closed.store(true, Ordering::SeqCst);
    open.await.expect("the customers go home");
}
