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
    let long = format!("SELECT {}", "1 + ".repeat(LONGEST / 4));
    assert!(Statement::read(&long, Backend::Sqlite).is_err());
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
