mod rows;

use super::*;

fn read_as(text: &str, backend: Backend) -> Statement {
    Statement::read(text, backend).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn read(text: &str) -> Statement {
    read_as(text, Backend::Sqlite)
}

fn refused(text: &str) -> Error {
    Statement::read(text, Backend::Sqlite).err().unwrap_or_else(|| panic!("{text} is read"))
}

fn names(tables: &Tables) -> Vec<&str> {
    match tables {
        Tables::Named(names) => names.iter().map(String::as_str).collect(),
        Tables::Any => vec!["*"],
    }
}

#[test]
fn all_tables_are_found_wherever_they_stand() {
    let cases: &[(&str, &[&str])] = &[
        ("SELECT 1", &[]),
        ("SELECT * FROM a", &["a"]),
        ("SELECT * FROM main.\"A\" x JOIN b ON x.id = b.id LEFT JOIN c USING (id), d", &["a", "b", "c", "d"]),
        (
            "SELECT (SELECT max(id) FROM b) FROM a WHERE id IN (SELECT id FROM c WHERE EXISTS (SELECT 1 FROM d))",
            &["a", "b", "c", "d"],
        ),
        ("SELECT * FROM (SELECT * FROM a) UNION SELECT * FROM b EXCEPT SELECT * FROM c", &["a", "b", "c"]),
        (
            "SELECT count(*) FROM a GROUP BY x HAVING count(*) > (SELECT n FROM b) ORDER BY (SELECT m FROM c) LIMIT (SELECT l FROM d)",
            &["a", "b", "c", "d"],
        ),
        ("WITH w AS (SELECT * FROM a) SELECT * FROM w", &["a", "w"]),
        ("SELECT CASE WHEN x THEN (SELECT y FROM b) END FROM a", &["a", "b"]),
        ("SELECT sum(x) OVER (PARTITION BY (SELECT y FROM b)) FROM a", &["a", "b"]),
    ];
    for (text, tables) in cases {
        let statement = read(text);
        assert_eq!((statement.kind(), names(statement.reads())), (Kind::Select, tables.to_vec()), "{text}");
        assert!(statement.writes().is_none(), "{text}");
    }
}

#[test]
fn what_is_written_is_told_from_what_is_read() {
    let cases: &[(&str, Kind, &[&str])] = &[
        ("INSERT INTO a (x) SELECT y FROM b", Kind::Insert, &["a"]),
        ("INSERT INTO a (x) VALUES (1), (2) ON CONFLICT (x) DO UPDATE SET x = 3", Kind::Insert, &["a"]),
        ("REPLACE INTO a (x) VALUES (1)", Kind::Insert, &["a"]),
        ("UPDATE A SET x = (SELECT y FROM b) WHERE id = 1", Kind::Update, &["a"]),
        ("DELETE FROM a WHERE id IN (SELECT id FROM b)", Kind::Delete, &["a"]),
        ("WITH w AS (SELECT 1) UPDATE a SET x = 1", Kind::Update, &["a"]),
        ("CREATE TABLE a (x)", Kind::Schema, &["*"]),
        ("DROP TABLE a", Kind::Schema, &["*"]),
        ("BEGIN", Kind::Session, &[]),
        ("COMMIT", Kind::Session, &[]),
        ("SELECT nobody_knows(1) FROM a", Kind::Select, &["*"]),
        ("PRAGMA user_version = 3", Kind::Other, &["*"]),
    ];
    for (text, kind, tables) in cases {
        let statement = read(text);
        assert_eq!((statement.kind(), names(statement.writes())), (*kind, tables.to_vec()), "{text}");
    }
}

#[test]
fn what_is_written_inside_a_with_is_found() {
    let text = "WITH gone AS (DELETE FROM a RETURNING id) SELECT * FROM gone JOIN b USING (id)";
    let statement = read_as(text, Backend::Postgres);
    assert_eq!(names(statement.writes()), ["a"]);
    assert!(statement.reads().includes("B"));
    for text in ["SELECT * INTO fresh FROM a", "CALL anything(1)", "DO $$ BEGIN END $$"] {
        let written = Statement::read(text, Backend::Postgres).map(|statement| statement.writes().includes("a"));
        assert!(written.unwrap_or(true), "{text}");
    }
    let joined = read_as("UPDATE a JOIN b ON a.id = b.id SET b.x = 1", Backend::Mysql);
    assert_eq!(names(joined.writes()), ["a", "b"]);
    let joined = read_as("DELETE b FROM a JOIN b ON a.id = b.id", Backend::Mysql);
    assert_eq!(names(joined.writes()), ["a", "b"]);
}

#[test]
fn a_function_that_nobody_knows_may_read_anything() {
    assert!(read("SELECT total_of(id) FROM a").reads().includes("b"));
    assert!(!read("SELECT sum(id), COALESCE(x, 1) FROM a").reads().includes("b"));
}

#[test]
fn a_function_of_another_database_is_not_known() {
    let clear = |text, backend| !read_as(text, backend).reads().includes("b");
    let cases = [
        ("SELECT total(x) FROM a", [true, false, false]),
        ("SELECT group_concat(x) FROM a", [true, true, false]),
        ("SELECT upper(x) FROM a", [true, true, true]),
    ];
    for (text, expected) in cases {
        assert_eq!([Backend::Sqlite, Backend::Mysql, Backend::Postgres].map(|of| clear(text, of)), expected, "{text}");
    }
}

#[test]
fn answers_that_change_by_themselves_are_told() {
    let cases = [
        ("SELECT random() FROM a", Some("random")),
        ("SELECT * FROM a WHERE at > CURRENT_TIMESTAMP", Some("current_timestamp")),
        ("SELECT * FROM a WHERE at > datetime('now')", Some("datetime")),
        ("SELECT * FROM a WHERE at > datetime(?)", Some("datetime")),
        ("SELECT * FROM a WHERE day = date('2026-01-01')", None),
        ("SELECT date(at) FROM a", None),
        ("SELECT upper(name) FROM a", None),
    ];
    for (text, why) in cases {
        assert_eq!(read(text).unsteady(), why, "{text}");
    }
}

#[test]
fn parameters_are_counted_as_the_backend_counts_them() {
    let cases = [
        ("SELECT 1", Parameters::InOrder(0)),
        ("SELECT * FROM a WHERE x = ? AND y IN (?, ?)", Parameters::InOrder(3)),
        ("SELECT * FROM a WHERE x = ?2 AND y = ?1 AND z = ?1", Parameters::Numbered(2)),
        ("SELECT * FROM a WHERE x = :x AND y = :y AND z = :x", Parameters::Named(vec!["x".into(), "y".into()])),
        ("SELECT '?' FROM a -- ?", Parameters::InOrder(0)),
    ];
    for (text, parameters) in cases {
        assert_eq!(read(text).parameters(), &parameters, "{text}");
    }
    let postgres = read_as("SELECT * FROM a WHERE x = $1 AND y = $2", Backend::Postgres);
    assert_eq!(postgres.parameters().count(), 2);
}

#[test]
fn what_is_no_statement_is_refused_and_not_repeated() {
    for text in [
        "",
        "SELEC 1",
        "SELECT 'hunter2",
        "SELECT 1; SELECT 2",
        "SELECT * FROM a WHERE x = ?1 AND y = ?3",
        "SELECT ? + ?1 'hunter2",
    ] {
        let error = refused(text);
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error}");
    }
    let long = format!("SELECT {}", "1, ".repeat(LONGEST / 3));
    assert!(Statement::read(&long, Backend::Sqlite).is_err());
    for joined in ["1 + ", "1 OR ", "x || ", "1 UNION ALL SELECT ", "x COLLATE a = "] {
        let wide = format!("SELECT {}1", joined.repeat(LONGEST / joined.len() - 10));
        assert!(refused(&wide).to_string().contains("too many terms"), "and the stack holds");
    }
    let list = format!("INSERT INTO a (x) VALUES {}(1)", "(?), ".repeat(10_000));
    assert_eq!(read(&list).kind(), Kind::Insert, "a list is no chain");
    let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(Statement::read(&deep, Backend::Sqlite).is_err(), "and the stack holds");
}

#[test]
fn statements_that_differ_in_their_values_have_one_shape() {
    let same = [
        ("SELECT * FROM a WHERE x = 1", "select *  from a where x='b'"),
        ("SELECT * FROM a WHERE x IN (1, 2, 3)", "SELECT * FROM a WHERE x IN (?)"),
        ("INSERT INTO a VALUES (1, 2), (3, 4)", "INSERT INTO a VALUES (?, ?)"),
        ("SELECT * FROM a LIMIT 10", "SELECT * FROM a LIMIT 20"),
    ];
    for (one, other) in same {
        assert_eq!(read(one).shape(), read(other).shape());
    }
    let other =
        [("SELECT * FROM a", "SELECT * FROM b"), ("SELECT * FROM a WHERE x = 1", "SELECT * FROM a WHERE x IS NULL")];
    for (one, other) in other {
        assert_ne!(read(one).shape(), read(other).shape());
    }
    assert!(!read("SELECT * FROM a WHERE x = 'hunter2'").shape().contains("hunter2"));
}

#[test]
fn a_star_for_columns_is_told_from_that_of_a_count() {
    let stars =
        ["SELECT * FROM a", "SELECT b.* FROM a, b", "SELECT x FROM (SELECT * FROM a)", "DELETE FROM a RETURNING *"];
    let none = ["SELECT count(*) FROM a", "SELECT x * y FROM a", "INSERT INTO a (x) VALUES (1) RETURNING x"];
    assert!(stars.iter().all(|text| read(text).all_columns()));
    assert!(none.iter().all(|text| !read(text).all_columns()));
}

#[test]
fn a_function_of_another_schema_is_not_taken_for_one_of_the_database() {
    let read = |text| read_as(text, Backend::Postgres);
    assert!(read("SELECT audit.log(1)").writes().includes("a"));
    assert!(read("SELECT log(1)").writes().is_none());
    assert!(read("SELECT pg_catalog.log(1)").writes().is_none());
    assert!(read("SELECT nextval('numbers')").acts() && !read("SELECT random()").acts());
}

#[test]
fn what_cannot_be_read_may_do_anything_or_concern_a_session() {
    let guess = |text| Statement::read_or_guess(text, Backend::Mysql).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(guess("START TRANSACTION WITH CONSISTENT SNAPSHOT, whatever").kind(), Kind::Session);
    assert_eq!(guess("XA START 'x'").kind(), Kind::Session);
    let unread = guess("OPTIMISE ALL THE THINGS");
    assert_eq!((unread.kind(), unread.writes().includes("a")), (Kind::Other, true));
    let aliased = read_as("DELETE FROM x USING video AS x JOIN b ON x.id = b.id", Backend::Mysql);
    assert!(aliased.writes().includes("video"));
}

#[test]
fn a_comment_that_a_server_runs_is_read() {
    for text in ["SELECT 1 /*M! FROM a */", "SELECT 1 /*! FROM a */", "SELECT 1 /*M!100100 FROM a */"] {
        assert!(read_as(text, Backend::Mysql).reads().includes("a"), "{text}");
        assert!(!read(text).reads().includes("a"), "{text}");
    }
    let hidden = Statement::read_or_guess("DELETE /*M! FROM a */", Backend::Mysql);
    assert!(hidden.is_ok_and(|statement| statement.writes().includes("a")));
}

#[test]
fn a_table_without_its_heirs_is_that_table() {
    let read = |text| read_as(text, Backend::Postgres);
    assert!(read("SELECT * FROM ONLY a").reads().includes("a"));
    for text in ["DELETE FROM ONLY a WHERE x = 1", "UPDATE ONLY a SET x = 1", "TRUNCATE ONLY a"] {
        assert!(read(text).writes().includes("a"), "{text}");
    }
    for text in ["SELECT * FROM ONLY public.a", "SELECT * FROM ONLY (a)", "UPDATE ONLY a AS b SET x = 1"] {
        let statement = Statement::read_or_guess(text, Backend::Postgres);
        assert!(statement.is_ok_and(|statement| statement.reads().includes("a")), "{text}");
    }
}

#[test]
fn words_before_a_table_are_not_taken_for_it() {
    for text in [
        "UPDATE IGNORE a SET x = 1",
        "UPDATE LOW_PRIORITY a SET x = 1",
        "UPDATE LOW_PRIORITY IGNORE a SET x = 1",
        "UPDATE IGNORE a AS b SET x = 1",
        "UPDATE IGNORE a JOIN b ON a.x = b.x SET b.x = 1",
        "DELETE LOW_PRIORITY QUICK IGNORE FROM a",
        "DELETE QUICK FROM a",
        "DELETE IGNORE a FROM a JOIN b",
        "DELETE IGNORE FROM a USING a JOIN b",
        "INSERT IGNORE INTO a VALUES (1)",
        "INSERT IGNORE a VALUES (1)",
        "INSERT LOW_PRIORITY IGNORE INTO a VALUES (1)",
        "INSERT HIGH_PRIORITY IGNORE a VALUES (1)",
        "INSERT DELAYED a VALUES (1)",
        "INSERT DELAYED a SET x = 1",
        "REPLACE LOW_PRIORITY INTO a VALUES (1)",
        "REPLACE DELAYED a VALUES (1)",
        "REPLACE a SET x = 1",
        "TRUNCATE a",
    ] {
        let statement = Statement::read_or_guess(text, Backend::Mysql);
        assert!(statement.is_ok_and(|statement| statement.writes().includes("a")), "{text}");
    }
}

#[test]
fn what_the_database_keeps_of_its_tables_changes_with_any_of_them() {
    for (text, backend) in [
        ("SELECT seq FROM sqlite_sequence WHERE name = 'a'", Backend::Sqlite),
        ("SELECT auto_increment FROM information_schema.TABLES", Backend::Mysql),
        ("SELECT relname FROM pg_catalog.pg_class", Backend::Postgres),
    ] {
        let statement = read_as(text, backend);
        assert!(statement.reads().includes("b") && statement.writes().is_none(), "{text}");
    }
    let removed = read("DELETE FROM sqlite_sequence");
    assert!(removed.writes().includes("sqlite_sequence") && !removed.writes().includes("a"));
}

#[test]
fn conditions_that_mysql_reads_otherwise_pin_no_rows() {
    for text in [
        "SELECT * FROM caption WHERE lang = 'de' AND video = 1 || n = 2",
        "SELECT * FROM caption WHERE lang = 'de' AND video = 1 XOR n",
        "SELECT * FROM caption WHERE video = 1 XOR 1 AND lang = 'de'",
        "SELECT * FROM caption WHERE n > 1 /*!999999 AND video = 1 */",
        "UPDATE caption SET text = 'x' WHERE n > 1 /*M!999999 AND video = 1 */",
        "DELETE FROM caption WHERE lang = 'de' AND video = 1 || n = 2",
    ] {
        let statement = read_as(text, Backend::Mysql);
        assert!(statement.rows_read().is_empty() && statement.rows_written().is_none(), "{text}");
    }
    let joined = read_as("SELECT * FROM caption WHERE lang = 'de' AND video = 'a' || n", Backend::Sqlite);
    assert_eq!(joined.rows_read().len(), 1, "elsewhere it joins texts");
}

#[test]
fn a_table_that_stands_behind_a_word_is_named_too() {
    let text = "SELECT count(*) FROM ONLY caption, caption c WHERE c.video = $1";
    assert!(read_as(text, Backend::Postgres).rows_read().is_empty());
}

#[test]
fn the_manner_of_a_write_is_that_of_its_worst_part() {
    use Backend::{Mysql, Postgres, Sqlite};
    use Manner::{Adds, Changes, Empties};
    let cases = [
        ("INSERT INTO a (x) VALUES (1)", Sqlite, Adds),
        ("INSERT OR IGNORE INTO a (x) VALUES (1)", Sqlite, Adds),
        ("INSERT INTO a (x) VALUES (1) ON CONFLICT DO NOTHING", Postgres, Adds),
        ("INSERT IGNORE INTO a (x) SELECT y FROM b", Mysql, Adds),
        ("INSERT OR REPLACE INTO a (x) VALUES (1)", Sqlite, Changes),
        ("REPLACE INTO a (x) VALUES (1)", Mysql, Changes),
        ("REPLACE INTO a (x) VALUES (1)", Sqlite, Changes),
        ("INSERT INTO a (x) VALUES (1) ON CONFLICT (x) DO UPDATE SET x = 2", Sqlite, Changes),
        ("INSERT INTO a (x) VALUES (1) ON DUPLICATE KEY UPDATE x = 2", Mysql, Changes),
        ("UPDATE a SET x = 1", Sqlite, Changes),
        ("WITH w AS (DELETE FROM a RETURNING x) INSERT INTO b SELECT x FROM w", Postgres, Changes),
        ("WITH w AS (INSERT INTO a VALUES (1) RETURNING x) SELECT x FROM w", Postgres, Adds),
        ("MERGE INTO a USING b ON a.x = b.x WHEN NOT MATCHED THEN INSERT (x) VALUES (b.x)", Postgres, Changes),
        ("TRUNCATE a", Postgres, Changes),
        ("TRUNCATE TABLE a, b RESTART IDENTITY CASCADE", Postgres, Empties),
        ("SELECT 1", Postgres, Adds),
    ];
    for (text, backend, manner) in cases {
        assert_eq!(read_as(text, backend).manner(), manner, "{text}");
    }
}

#[test]
fn schemas_are_told_wherever_a_table_is_named_with_one() {
    let schemas = |text| read_as(text, Backend::Mysql).schemas().iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(schemas("SELECT a.x FROM a WHERE y IN (SELECT y FROM `Shop`.b)"), "shop");
    for text in [
        "INSERT INTO shop.a (x) VALUES (1)",
        "UPDATE shop.a SET x = 1",
        "DELETE FROM shop.a",
        "TRUNCATE shop.a",
        "REPLACE INTO shop.a (x) VALUES (1)",
    ] {
        assert_eq!(schemas(text), "shop", "{text}");
    }
    assert_eq!(schemas("UPDATE a SET a.x = 1"), "");
}

#[test]
fn an_insert_of_one_row_is_written_for_several() {
    let cases: &[(Backend, &str, &str)] = &[
        (Backend::Sqlite, "INSERT INTO a (x, y) VALUES (?, ?);", "INSERT INTO a (x, y) VALUES (?, ?), (?, ?)"),
        (
            Backend::Sqlite,
            "INSERT OR IGNORE INTO a VALUES (?2, 'é)?1', ?1)",
            "INSERT OR IGNORE INTO a VALUES (?2, 'é)?1', ?1), (?4, 'é)?1', ?3)",
        ),
        (
            Backend::Postgres,
            "INSERT INTO a (x)\n VALUES\n ($1::text || '$1') ON CONFLICT (x) DO UPDATE SET x = excluded.x",
            "INSERT INTO a (x)\n VALUES\n ($1::text || '$1'), ($2::text || '$1') ON CONFLICT (x) DO UPDATE SET x = excluded.x",
        ),
        (
            Backend::Mysql,
            "REPLACE INTO `a` (x, y) VALUES (?, DEFAULT)",
            "REPLACE INTO `a` (x, y) VALUES (?, DEFAULT), (?, DEFAULT)",
        ),
        (
            Backend::Mysql,
            "INSERT INTO a (x, at) VALUE (?, now()) ON DUPLICATE KEY UPDATE x = VALUES(x)",
            "INSERT INTO a (x, at) VALUE (?, now()), (?, now()) ON DUPLICATE KEY UPDATE x = VALUES(x)",
        ),
    ];
    for (backend, one, two) in cases {
        let read = OneRow::read(one, *backend).unwrap_or_else(|| panic!("{one}"));
        assert_eq!(read.times(2), *two);
        assert_eq!(read.times(1), one.trim_end_matches(';'));
        assert!(read.len_of(2) >= read.times(2).len());
    }
}

#[test]
fn what_would_do_something_else_for_several_rows_stays_one() {
    let cases: &[(Backend, &str)] = &[
        (Backend::Sqlite, "INSERT INTO a (x) SELECT ?"),
        (Backend::Sqlite, "INSERT INTO a (x) VALUES (?), (?)"),
        (Backend::Sqlite, "INSERT INTO a (x) VALUES (1)"),
        (Backend::Sqlite, "INSERT INTO a (x) VALUES (?) RETURNING x"),
        (Backend::Sqlite, "INSERT INTO a (x) VALUES (:name)"),
        (Backend::Sqlite, "INSERT INTO a (x, y) VALUES (?, (SELECT max(y) FROM a))"),
        (Backend::Sqlite, "INSERT INTO a (x, y) VALUES (?, last_insert_rowid())"),
        (Backend::Sqlite, "INSERT INTO a (x, y) VALUES (?, mine(?))"),
        (Backend::Sqlite, "INSERT INTO a (x) VALUES (?) ON CONFLICT (x) DO UPDATE SET y = ?"),
        (Backend::Sqlite, "INSERT INTO a (x) VALUES (?) ON CONFLICT (x) DO UPDATE SET y = (SELECT 1 FROM b)"),
        (Backend::Sqlite, "UPDATE a SET x = ?"),
        (Backend::Mysql, "INSERT INTO a SET x = ?"),
        (Backend::Mysql, "INSERT INTO a (x) VALUES (?) AS new ON DUPLICATE KEY UPDATE x = new.x"),
        (Backend::Postgres, "WITH w AS (SELECT 1) INSERT INTO a (x) VALUES ($1)"),
    ];
    for (backend, text) in cases {
        assert_eq!(OneRow::read(text, *backend), None, "{text}");
    }
}
