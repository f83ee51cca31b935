//! Entries in tiers, each site by its profile.

use std::sync::Arc;

use cached_runtime::clock::Clock;
use cached_runtime::compress::{Compression, Dictionary, Profile};
use cached_runtime::tier::Tier;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Builder, Cache, ErrorKind, cache};

use crate::rig::{Down, World};

#[cache(key = "usual:{id}", ttl = "1h", cache = world.cache, skip(world))]
async fn usual(world: &World, id: u32) -> Result<String, Down> {
    world.source.read().await?;
    Ok(text(id))
}

#[cache(key = "asked:{id}", ttl = "1h", compress = "notes", cache = world.cache, skip(world))]
async fn asked(world: &World, id: u32) -> Result<String, Down> {
    world.source.read().await?;
    Ok(text(id))
}

#[cache(key = "measured:{id}", ttl = "1h", compress = "binary", cache = world.cache, skip(world))]
async fn measured(world: &World, id: u32) -> Result<Vec<u8>, Down> {
    world.source.read().await?;
    Ok(noise(id))
}

#[cache(key = "picture:{id}", ttl = "1h", cache = world.cache, skip(world))]
async fn picture(world: &World, id: u32) -> Result<Vec<u8>, Down> {
    world.source.read().await?;
    // Compressible behind its beginning, so that only that says what it is.
    Ok([b"\x89PNG\r\n\x1a\n", text(id).as_bytes()].concat())
}

fn text(id: u32) -> String {
    format!("entry {id} says what was invalidated. ").repeat(200)
}

fn noise(seed: u32) -> Vec<u8> {
    let chance = cached_runtime::chance::Chance::new(u64::from(seed) + 1);
    (0..4_096).map(|_| (chance.next() >> 40) as u8).collect()
}

/// A row of some two hundred bytes.
fn row(id: u32) -> String {
    format!(
        r#"{{"order":{id},"customer":"C-{:05}","state":"delivered","carrier":"parcel post","address":"{} Main Street","gift":{}}}"#,
        id * 31 % 10_000,
        id * 7 % 900,
        id.is_multiple_of(3)
    )
}

fn trained() -> Dictionary {
    Dictionary::train((0..1_000).map(row), 4 << 10).unwrap()
}

fn over(tier: &Arc<MemoryTier>, with: impl FnOnce(Builder) -> Builder) -> World {
    World::built(Arc::clone(tier) as Arc<dyn Tier>, Clock::manual(), with)
}

#[tokio::test]
async fn each_site_is_compressed_by_the_profile_it_asks_for() {
    let tier = Arc::new(MemoryTier::new());
    let notes = || Profile::new("notes").method(Compression::Gzip).level(9);
    let world = over(&tier, |builder| builder.compress_profile(notes()).compression(Compression::Lz4));
    for id in 0..20 {
        usual(&world, id).await.unwrap();
        asked(&world, id).await.unwrap();
    }
    world.settle().await;
    let stats = world.cache.stats();
    let of = |site: &str| stats.site(site).unwrap().compression.clone();
    let (usual_stats, asked_stats) = (of("usual"), of("asked"));
    assert_eq!((usual_stats.profile.as_str(), usual_stats.method.as_str()), ("cache", "lz4"));
    assert_eq!((asked_stats.profile.as_str(), asked_stats.method.as_str(), asked_stats.level), ("notes", "gzip", 9));
    for stats in [&usual_stats, &asked_stats] {
        assert_eq!((stats.values, stats.compressed), (20, 20));
        assert!(stats.ratio() > 10.0 && stats.saved() > 0.9, "{stats:?}");
    }
    assert_eq!(stats.total().compression.values, 40);
    // A process that compresses otherwise reads them all the same: a frame says how it was made.
    let later = over(&tier, |builder| builder.compression(Compression::None).compress_profile(Profile::new("notes")));
    assert_eq!(asked::peek(&later, 3).await, Some(Ok(text(3))));
    assert_eq!(usual::peek(&later, 3).await, Some(Ok(text(3))));
    assert_eq!(later.cache.stats().site("asked").unwrap().compression.opened, 1);
}

#[tokio::test]
async fn a_site_that_measures_leaves_noise_as_it_is() {
    let world =
        over(&Arc::new(MemoryTier::new()), |builder| builder.compress_site("asked", Profile::new("a").adaptive(64.0)));
    for id in 0..60 {
        measured(&world, id).await.unwrap();
        asked(&world, id).await.unwrap();
    }
    world.settle().await;
    let stats = world.cache.stats();
    let of = |site: &str| stats.site(site).unwrap().compression.clone();
    assert_eq!((of("measured").method.as_str(), of("measured").compressed), ("none", 0));
    assert_ne!(of("asked").method, "none");
    assert!(of("asked").changes <= 4 && of("asked").saved() > 0.8, "{:?}", of("asked"));
}

#[tokio::test]
async fn short_entries_of_a_namespace_are_written_with_its_dictionary() {
    let tier = Arc::new(MemoryTier::new());
    let dictionary = trained();
    let with = |profile: Profile| over(&tier, |builder| builder.compress_site("orders", profile));
    let world = with(Profile::new("orders").dictionary(dictionary.clone()));
    let orders = world.cache.namespace::<String>("orders").unwrap();
    for id in 0..100 {
        orders.set(format!("{id}").as_str(), row(id));
    }
    world.settle().await;
    let written = world.cache.stats().site("orders").unwrap().compression.clone();
    assert!(written.compressed == 100 && written.ratio() > 3.0, "{written:?}");

    // Trained on the values themselves it is as good.
    let values: Vec<String> = (0..1_000).map(row).collect();
    let of_values = cached_runtime::codec::Codec::default().train(&values, 4 << 10).unwrap();
    assert_ne!(of_values.id(), 0);

    // One that has another dictionary reads them with the former.
    let other = Dictionary::train((5_000..6_000).map(row), 4 << 10).unwrap();
    let later = with(Profile::new("orders").dictionary(other.clone()).also_reads(dictionary));
    let names = later.cache.namespace::<String>("orders").unwrap();
    assert_eq!(names.get("7").await, Some(row(7)));
    // Without it they are misses, and nobody's error; and they stay where they are for those who have it.
    let without = with(Profile::new("orders").dictionary(other));
    let none = without.cache.namespace::<String>("orders").unwrap();
    assert_eq!(none.get("7").await, None);
    let stats = without.cache.stats();
    let counted = stats.site("orders").unwrap();
    assert_eq!((counted.compression.refused, counted.frames_refused), (1, 1));
    assert_eq!(names.get("8").await, Some(row(8)));
}

#[test]
fn what_a_cache_cannot_do_is_refused_when_it_is_built() {
    let refused = |builder: Builder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        error.to_string()
    };
    let said = refused(Cache::builder().compress(Profile::new("all").level(99)));
    assert!(said.contains("level"), "{said}");
    let said = refused(Cache::builder().compress_site("orders", Profile::new("a").adaptive(-1.0)));
    assert!(said.contains("orders"), "{said}");
    let said = refused(Cache::builder().compress_site("", Profile::new("a")));
    assert!(said.contains("compress_site"), "{said}");
    let said = refused(
        Cache::builder().compress_profile(Profile::new("rows").dictionary(trained()).method(Compression::Gzip)),
    );
    assert!(said.contains("dictionary"), "{said}");
}

/// A value is known by how it begins, and not by how its payload does.
#[tokio::test]
async fn pictures_in_entries_are_not_compressed_again() {
    let tier = Arc::new(MemoryTier::new());
    let world = over(&tier, |builder| builder);
    for id in 0..10 {
        picture(&world, id).await.unwrap();
    }
    world.settle().await;
    let stats = world.cache.stats().site("picture").unwrap().compression.clone();
    assert_eq!((stats.values, stats.dense, stats.compressed), (10, 10, 0), "{stats:?}");
    let later = over(&tier, |builder| builder);
    assert_eq!(picture::peek(&later, 3).await.unwrap().unwrap()[8..], *text(3).as_bytes());
}

#[tokio::test]
async fn what_a_builder_is_told_holds_in_any_order() {
    let own = || Profile::new("own").method(Compression::Zlib).level(9).threshold(1 << 20);
    type Say = fn(Builder) -> Builder;
    let says: [Say; 3] = [
        |builder| builder.compression(Compression::Gzip),
        |builder| builder.compression_level(1),
        |builder| builder.compression_threshold(100),
    ];
    for order in [[0, 1, 2], [2, 1, 0]] {
        for at in 0..=3 {
            let world = over(&Arc::new(MemoryTier::new()), |mut builder| {
                for (n, say) in order.iter().enumerate() {
                    if n == at {
                        builder = builder.compress(own());
                    }
                    builder = says[*say](builder);
                }
                if at == 3 { builder.compress(own()) } else { builder }
            });
            usual(&world, 1).await.unwrap();
            world.settle().await;
            let stats = world.cache.stats().site("usual").unwrap().compression.clone();
            assert_eq!((stats.profile.as_str(), stats.method.as_str(), stats.level), ("own", "gzip", 1));
            assert_eq!(stats.compressed, 1, "from 100 bytes on");
        }
    }
    for builder in [
        Cache::builder().compress(Profile::new("own").adaptive(0.1)).compression(Compression::Zlib),
        Cache::builder().compression(Compression::Zlib).compress(Profile::new("own").adaptive(0.1)),
    ] {
        assert!(builder.build().unwrap_err().to_string().contains("adaptive"));
    }
}

#[tokio::test]
async fn of_several_names_that_fit_the_longest_counts() {
    let named = |name: &'static str| Profile::new(name).method(Compression::Gzip);
    for (first, second) in [("sites.usual", "usual"), ("usual", "sites.usual")] {
        let world = over(&Arc::new(MemoryTier::new()), |builder| {
            builder.compress_site(first, named(first)).compress_site(second, named(second))
        });
        usual(&world, 1).await.unwrap();
        assert_eq!(world.cache.stats().site("usual").unwrap().compression.profile, "sites.usual");
    }
}
