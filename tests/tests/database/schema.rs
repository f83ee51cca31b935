//! What only one of the databases knows: rules and partitions, rows that replace others, collations.

use cached_runtime::database::{Database, DatabaseOptions, Driver};
use cached_runtime::statement::Tables;
use sqlx::{AssertSqlSafe, Executor as _, MySql, Postgres, Sqlite};

use crate::rig::{self, Home};

async fn written<DB: Driver>(db: &Database<DB>, text: &str) -> String {
    match db.writes(text).await.unwrap() {
        Tables::Named(names) => names.into_iter().collect::<Vec<_>>().join(" "),
        Tables::Any => "*".to_owned(),
    }
}

async fn keys<DB: Driver>(db: &Database<DB>, table: &str) -> String {
    db.key_columns(table).await.unwrap().join(", ").replace("-9223372036854775808..=9223372036854775807", "int8")
}

async fn postgres(schema: &'static str) -> Home<Postgres> {
    let home = Home::<Postgres>::new(rig::postgres::place(), rig::patient());
    home.db.pool().execute(sqlx::raw_sql(schema)).await.unwrap();
    home
}

async fn sqlite(schema: &'static str) -> Home<Sqlite> {
    let home = Home::<Sqlite>::new(rig::sqlite::place(), rig::patient());
    home.db.pool().execute(sqlx::raw_sql(schema)).await.unwrap();
    home
}

async fn mysql(schema: &'static str) -> Home<MySql> {
    let home = Home::<MySql>::new(rig::mysql::place(), rig::patient());
    home.db.pool().execute(sqlx::raw_sql(schema)).await.unwrap();
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_tables_are_written_with_the_whole() {
    let home = postgres(
        "CREATE TABLE event (id bigint, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
         CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
         CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         CREATE TABLE base (id bigint PRIMARY KEY);
         CREATE TABLE derived (more text) INHERITS (base);
         CREATE VIEW recent AS SELECT id FROM event WHERE day > '2026-01-01';
         CREATE TABLE guest (id bigint, event bigint, day date,
           FOREIGN KEY (event, day) REFERENCES event (id, day) ON DELETE CASCADE);
         CREATE TABLE audit (id bigint);
         CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END $$;
         CREATE TRIGGER logged AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION log();",
    )
    .await;
    let db = &home.db;
    let all = "audit event event_2025 event_2026 recent";
    assert_eq!(written(db, "INSERT INTO event (id, day) VALUES (1, '2026-02-02')").await, all);
    let one = "audit event event_2026 recent";
    assert_eq!(written(db, "INSERT INTO event_2026 (id, day) VALUES (1, '2026-02-02')").await, one);
    assert_eq!(written(db, "DELETE FROM event_2026").await, "audit event event_2026 guest recent");
    assert_eq!(written(db, "UPDATE derived SET id = 2").await, "base derived");
    assert_eq!(written(db, "UPDATE base SET id = 2").await, "base derived");
    for table in ["event", "event_2026", "base", "derived"] {
        assert_eq!(keys(db, table).await, "", "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_dates_a_row_writes_nothing_else() {
    let home = postgres(
        "CREATE TABLE video (id bigint PRIMARY KEY, title text, updated_at timestamptz, words tsvector);
         CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN NEW.updated_at = now(); RETURN NEW; END; $$;
         CREATE TRIGGER touched BEFORE UPDATE ON video FOR EACH ROW EXECUTE FUNCTION touch();
         CREATE TRIGGER worded BEFORE INSERT OR UPDATE ON video FOR EACH ROW
           EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.english', title);
         CREATE TABLE ruled (id bigint PRIMARY KEY);
         CREATE RULE elsewhere AS ON INSERT TO ruled DO ALSO DELETE FROM video;
         CREATE TABLE kept (id bigint);
         CREATE MATERIALIZED VIEW shot AS SELECT id FROM video;
         CREATE VIEW over_shot AS SELECT id FROM shot;",
    )
    .await;
    let db = &home.db;
    assert_eq!(written(db, "UPDATE video SET title = 'x'").await, "video");
    assert_eq!(written(db, "INSERT INTO video (id) VALUES (1)").await, "video");
    assert_eq!(written(db, "INSERT INTO ruled (id) VALUES (1)").await, "*");
    assert_eq!(written(db, "REFRESH MATERIALIZED VIEW shot").await, "*");
    assert_eq!(keys(db, "ruled").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_or_policy_that_calls_what_nobody_knows_is_named_always() {
    let home = postgres(
        "CREATE TABLE a (id bigint); CREATE TABLE member (id bigint); CREATE TABLE b (id bigint);
         CREATE FUNCTION seen() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT max(id) FROM a';
         CREATE FUNCTION twice(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
         CREATE VIEW hidden AS SELECT seen() AS id;
         CREATE VIEW asked AS SELECT query_to_xml('SELECT * FROM a', true, false, '') AS x;
         CREATE VIEW steady AS SELECT twice(id) AS id, now() AS at, sum(id) AS n FROM b GROUP BY id;
         ALTER TABLE b ENABLE ROW LEVEL SECURITY;
         CREATE POLICY members ON b USING (id IN (SELECT id FROM member));",
    )
    .await;
    let db = &home.db;
    assert_eq!(written(db, "INSERT INTO a (id) VALUES (1)").await, "a asked hidden");
    assert_eq!(written(db, "INSERT INTO b (id) VALUES (1)").await, "asked b hidden steady");
    assert_eq!(written(db, "INSERT INTO member (id) VALUES (1)").await, "asked b hidden member steady");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_postgres_are_those_whose_values_can_be_compared() {
    let home = postgres(
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE DOMAIN code AS text; CREATE TYPE mood AS ENUM ('good');
         CREATE TABLE a (id int PRIMARY KEY, slug varchar(20) UNIQUE, loosely text COLLATE loose UNIQUE, code code UNIQUE,
           mood mood UNIQUE, other uuid UNIQUE, called name UNIQUE, made int GENERATED ALWAYS AS (2) STORED UNIQUE,
           small smallint, big bigint, fixed char(3), free int, mail text, at timestamptz);
         CREATE INDEX ON a (small, free); CREATE INDEX ON a (lower(mail)); CREATE UNIQUE INDEX ON a (big) WHERE free > 1;
         CREATE UNIQUE INDEX ON a (fixed) INCLUDE (free); CREATE INDEX ON a (at);
         CREATE SCHEMA other; CREATE TABLE twice (id int PRIMARY KEY); CREATE TABLE other.twice (id text PRIMARY KEY);
         CREATE TABLE cased (id bigint PRIMARY KEY, \"ID\" bigint UNIQUE, other bigint UNIQUE);",
    )
    .await;
    let expected = "id -2147483648..=2147483647 unique, slug text 20 unique, small -32768..=32767, big int8, \
                    fixed text 3 unique";
    assert_eq!(keys(&home.db, "a").await, expected);
    assert_eq!(keys(&home.db, "twice").await, "");
    assert_eq!(keys(&home.db, "cased").await, "other int8 unique", "which is meant is not told apart");
    assert_eq!(written(&home.db, "UPDATE other.twice SET id = 'x'").await, "twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_sqlite_go_by_affinity_and_by_its_own_collations() {
    let home = sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, slug VARCHAR(20) UNIQUE, n NUMERIC UNIQUE, raw BLOB UNIQUE, free TEXT,
           made INT GENERATED ALWAYS AS (id + 1) STORED, first TEXT, second TEXT, part INT, of INT REFERENCES A (ID));
         CREATE INDEX a_first ON a (first, second); CREATE UNIQUE INDEX a_part ON a (part) WHERE part > 1;
         CREATE UNIQUE INDEX a_made ON a (made); CREATE INDEX a_lower ON a (lower(free));
         CREATE TABLE b (x TEXT COLLATE NOCASE PRIMARY KEY, y INT) WITHOUT ROWID;
         CREATE TABLE c (x TEXT, y INT, PRIMARY KEY (x, y));",
    )
    .await;
    let db = &home.db;
    assert_eq!(keys(db, "a").await, "id int8 unique, slug text unique, first text, part int8, of int8");
    assert_eq!(keys(db, "b").await, "x text", "by which collation the index is unique is not looked at");
    assert_eq!(keys(db, "c").await, "x text, y int8");
    assert_eq!(keys(db, "none").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_mysql_go_by_their_ranges_and_collations() {
    let home = mysql(
        "CREATE TABLE a (id INT UNSIGNED PRIMARY KEY, flag TINYINT(1) UNIQUE, big BIGINT UNSIGNED UNIQUE,
           slug VARCHAR(20) COLLATE utf8mb4_unicode_ci UNIQUE, german VARCHAR(20) COLLATE utf8mb4_german2_ci UNIQUE,
           made INT AS (flag + 1) STORED UNIQUE, price DECIMAL(10, 0) UNIQUE, born YEAR UNIQUE,
           first INT, second INT, body TEXT COLLATE utf8mb4_general_ci, INDEX (first, second), UNIQUE INDEX (body(10)))
         DEFAULT CHARSET utf8mb4",
    )
    .await;
    let expected = "big 0..=9223372036854775807 unique, body text 65535, first -2147483648..=2147483647, \
                    flag -128..=127 unique, id 0..=4294967295 unique, slug text 20 unique";
    assert_eq!(keys(&home.db, "a").await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_schemas_of_a_server_hold_is_not_known() {
    let (home, other) = (
        mysql("CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE hub (id INT PRIMARY KEY)").await,
        mysql("CREATE TABLE a (id TEXT); CREATE TABLE lone (id INT)").await,
    );
    let name = |home: &Home<MySql>| home.db.pool().connect_options().get_database().unwrap().to_owned();
    let (here, there) = (name(&home), name(&other));
    for text in [
        format!("CREATE VIEW shown AS SELECT id FROM {here}.hub"),
        format!("CREATE TABLE follows (hub INT, FOREIGN KEY (hub) REFERENCES {here}.hub (id) ON DELETE CASCADE)"),
    ] {
        other.db.pool().execute(sqlx::raw_sql(AssertSqlSafe(text))).await.unwrap();
    }
    assert_eq!(written(&home.db, "UPDATE a SET id = 2").await, "a");
    assert_eq!(written(&home.db, "INSERT INTO hub (id) VALUES (1)").await, "hub shown");
    assert_eq!(written(&home.db, "DELETE FROM hub").await, "*", "what follows it is not known here");
    assert_eq!(written(&home.db, &format!("UPDATE {here}.a SET id = 2")).await, "a");
    assert_eq!(written(&home.db, &format!("UPDATE {there}.a SET id = 2")).await, "*");
    assert_eq!(keys(&home.db, "a").await, "id -2147483648..=2147483647 unique", "another program's is another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_writes_views_by_triggers_and_replaces_rows_where_it_is_told_to() {
    let home = sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY ON CONFLICT REPLACE);
         CREATE TABLE b (a INTEGER REFERENCES a (id) ON DELETE CASCADE);
         CREATE TABLE log (n INTEGER);
         CREATE VIEW v AS SELECT id FROM a;
         CREATE TRIGGER v_removed INSTEAD OF DELETE ON v BEGIN
           SELECT CASE WHEN OLD.id < 0 THEN RAISE(ABORT, 'no; not that') END;
           INSERT INTO log (n) VALUES (OLD.id); DELETE FROM a WHERE id = OLD.id; END;
         CREATE VIRTUAL TABLE words USING fts5(body);
         CREATE VIRTUAL TABLE found USING fts5(id, content='a');",
    )
    .await;
    let db = &home.db;
    assert_eq!(written(db, "INSERT INTO a (id) VALUES (1)").await, "a b found v");
    assert_eq!(written(db, "DELETE FROM v WHERE id = 1").await, "a b found log v");
    assert_eq!(written(db, "INSERT INTO log (n) VALUES (1)").await, "found log");
    let words = written(db, "INSERT INTO words (body) VALUES ('x')").await;
    assert!(words.ends_with("words words_config words_content words_data words_docsize words_idx"), "{words}");
    assert_eq!(keys(db, "a").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_attached_to_a_connection_of_sqlite_is_a_part_of_its_schema() {
    let (place, beside) = (rig::sqlite::place(), sqlite("CREATE TABLE b (x INTEGER PRIMARY KEY)").await);
    let file = beside.db.pool().connect_options().get_filename().display().to_string();
    let pool = sqlx::sqlite::SqlitePoolOptions::new().after_connect(move |connection, _| {
        let attach = AssertSqlSafe(format!("ATTACH '{file}' AS \"be side\""));
        Box::pin(async move { connection.execute(sqlx::raw_sql(attach)).await.map(drop) })
    });
    let pool = pool.connect(&place.url).await.unwrap();
    pool.execute("CREATE TABLE a (x INTEGER PRIMARY KEY)").await.unwrap();
    let db = Database::around(pool, DatabaseOptions::new().name("attached")).unwrap();
    assert_eq!(written(&db, "UPDATE \"be side\".b SET x = 1").await, "b");
    assert_eq!((keys(&db, "a").await.as_str(), keys(&db, "b").await.as_str()), ("x int8 unique", "x int8 unique"));
}
