use super::facts::{Column, Form, MOST, Part, Reference, Source, Trigger};
use super::*;

/// A schema that is told by what hangs on what.
#[derive(Default)]
struct Schema(Facts);

impl Schema {
    fn of(tables: &[&str]) -> Self {
        let mut schema = Self::default();
        tables.iter().for_each(|table| schema.relation(table, Form::Table, None));
        schema
    }

    fn relation(&mut self, name: &str, form: Form, text: Option<&str>) {
        let text = text.map(str::to_owned);
        self.0.relations.push(facts::Relation { schema: "main".to_owned(), name: name.to_owned(), form, text });
    }

    fn view(mut self, name: &str, text: &str) -> Self {
        self.relation(name, Form::View, Some(text).filter(|text| !text.is_empty()));
        self
    }

    fn trigger(mut self, table: &str, at_insert: bool, body: Option<&str>) -> Self {
        self.0.triggers.push(Trigger { table: table.to_owned(), at_insert, body: body.map(str::to_owned) });
        self
    }

    fn reference(mut self, child: &str, parent: &str, follows: bool) -> Self {
        self.0.references.push(Reference { child: child.to_owned(), parent: parent.to_owned(), follows });
        self
    }

    fn part(mut self, child: &str, parent: &str) -> Self {
        self.0.parts.push(Part { child: child.to_owned(), parent: parent.to_owned() });
        self
    }

    fn column(mut self, table: &str, name: &str, declared: &str, collation: &str) -> Self {
        self.0.columns.push(Column {
            schema: "main".to_owned(),
            table: table.to_owned(),
            name: name.to_owned(),
            declared: declared.to_owned(),
            collation: collation.to_owned(),
            longest: Some(20),
            unique: false,
        });
        self
    }

    fn catalog(&self, backend: Backend) -> Catalog {
        Catalog::of(self.0.clone(), backend)
    }
}

fn widened(catalog: &Catalog, table: &str, manner: Manner) -> String {
    match catalog.widened(&BTreeSet::from([table.to_owned()]), manner) {
        Tables::Named(names) => names.into_iter().collect::<Vec<_>>().join(" "),
        Tables::Any => "*".to_owned(),
    }
}

fn keys(catalog: &Catalog, table: &str) -> Vec<String> {
    catalog.keys(table).iter().map(ToString::to_string).collect()
}

use Manner::{Adds, Changes, Empties};

#[test]
fn a_table_alone_is_itself_and_one_that_is_unknown_may_be_anything() {
    let catalog = Schema::of(&["a", "b"]).catalog(Backend::Sqlite);
    assert_eq!(widened(&catalog, "a", Changes), "a");
    assert_eq!(widened(&catalog, "c", Adds), "*");
    assert_eq!(catalog.widened(&BTreeSet::new(), Changes), Tables::Named(BTreeSet::new()));
}

#[test]
fn a_write_names_all_views_over_what_it_writes() {
    let catalog = Schema::of(&["a", "b", "c"])
        .view("v", "CREATE VIEW v AS SELECT x FROM a WHERE y IN (SELECT y FROM b)")
        .view("w", "CREATE VIEW w AS SELECT x FROM main.V")
        .catalog(Backend::Sqlite);
    assert_eq!(widened(&catalog, "a", Adds), "a v w");
    assert_eq!(widened(&catalog, "b", Changes), "b v w");
    assert_eq!(widened(&catalog, "c", Changes), "c");
    assert_eq!(widened(&catalog, "w", Changes), "w", "SQLite writes views by triggers alone");
    let views = Schema::of(&["a"]).view("v", "select `x` from `a`").view("w", "select `x` from `v`");
    let catalog = views.catalog(Backend::Mysql);
    assert_eq!(widened(&catalog, "w", Changes), "a v w", "what is written to a view is written to its tables");
}

#[test]
fn a_view_that_cannot_be_read_is_named_by_every_write() {
    let catalog = Schema::of(&["a"])
        .view("hidden", "")
        .view("calls", "CREATE VIEW calls AS SELECT nobody_knows(1)")
        .view("over", "CREATE VIEW over AS SELECT * FROM calls")
        .catalog(Backend::Mysql);
    assert_eq!(widened(&catalog, "a", Adds), "a calls hidden over");
    assert_eq!(widened(&catalog, "over", Changes), "*", "nobody knows what is written");
    assert_eq!(catalog.widened(&BTreeSet::new(), Changes), Tables::Named(BTreeSet::new()), "no write");
}

#[test]
fn triggers_are_followed_and_those_that_cannot_be_read_may_do_anything() {
    let add = "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO audit (x) VALUES (NEW.x); END";
    let remove = "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM old; END";
    let gone = "CREATE TRIGGER t AFTER DELETE ON a BEGIN DELETE FROM counts; END";
    let catalog = Schema::of(&["a", "audit", "old", "counts", "child", "odd"])
        .trigger("A", true, Some(add))
        .trigger("audit", true, Some(remove))
        .trigger("a", false, Some(gone))
        .trigger("odd", false, None)
        .reference("child", "old", true)
        .catalog(Backend::Sqlite);
    assert_eq!(widened(&catalog, "a", Adds), "a audit child old");
    assert_eq!(widened(&catalog, "a", Changes), "a audit child counts old");
    assert_eq!(widened(&catalog, "odd", Adds), "odd", "it does not run when rows are added");
    assert_eq!(widened(&catalog, "odd", Changes), "*");
}

#[test]
fn what_is_to_happen_at_a_conflict_is_handed_down_in_sqlite() {
    let add = "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b (x) VALUES (NEW.x); END";
    let schema = Schema::of(&["a", "b", "child"]).trigger("a", true, Some(add)).reference("child", "b", true);
    let catalog = schema.catalog(Backend::Sqlite);
    assert_eq!(widened(&catalog, "a", Adds), "a b");
    assert_eq!(widened(&catalog, "a", Changes), "a b child", "INSERT OR REPLACE INTO a");
}

#[test]
fn foreign_keys_are_followed_when_rows_change_and_circles_end() {
    let schema = Schema::of(&["a", "b", "c", "d", "e"])
        .reference("b", "a", true)
        .reference("c", "b", true)
        .reference("a", "c", true)
        .reference("a", "a", true)
        .reference("d", "c", false)
        .reference("e", "d", false);
    let catalog = schema.catalog(Backend::Postgres);
    assert_eq!(widened(&catalog, "a", Adds), "a");
    assert_eq!(widened(&catalog, "a", Changes), "a b c");
    assert_eq!(widened(&catalog, "a", Empties), "a b c d e", "TRUNCATE .. CASCADE asks for no rule");
    let back = schema.trigger("c", false, Some("BEGIN UPDATE a SET x = 1; RETURN NEW; END"));
    assert_eq!(widened(&back.catalog(Backend::Postgres), "b", Changes), "a b c");
}

#[test]
fn parts_name_what_they_are_of_and_the_whole_names_its_parts() {
    let mut schema = Schema::of(&["whole", "one", "two", "deep", "child"])
        .part("one", "whole")
        .part("two", "whole")
        .part("deep", "one")
        .reference("child", "whole", true)
        .column("one", "id", "int8", "")
        .column("whole", "id", "int8", "")
        .column("child", "id", "int8", "");
    schema.relation("v", Form::ViewOfSources, None);
    schema.0.sources.push(Source { view: "v".to_owned(), of: Some("whole".to_owned()), written: true });
    let catalog = schema.catalog(Backend::Postgres);
    assert_eq!(widened(&catalog, "whole", Adds), "deep one two v whole");
    assert_eq!(widened(&catalog, "deep", Adds), "deep one v whole");
    assert_eq!(widened(&catalog, "deep", Changes), "child deep one v whole");
    assert_eq!(widened(&catalog, "v", Adds), "deep one two v whole");
    assert!(keys(&catalog, "one").is_empty() && keys(&catalog, "whole").is_empty());
    assert_eq!(keys(&catalog, "child").len(), 1);
}

#[test]
fn rules_may_do_anything_and_a_policy_shows_what_it_reads() {
    let mut schema = Schema::of(&["a", "member"]);
    schema.relation("ruled", Form::Ruled, None);
    schema.0.sources.push(Source { view: "a".to_owned(), of: Some("member".to_owned()), written: false });
    let catalog = schema.catalog(Backend::Postgres);
    assert_eq!(widened(&catalog, "ruled", Adds), "*");
    assert_eq!(widened(&catalog, "member", Adds), "a member");
    assert_eq!(widened(&catalog, "a", Adds), "a");
}

#[test]
fn a_row_that_takes_the_place_of_another_changes_the_table() {
    let mut schema = Schema::of(&[]).reference("child", "a", true).column("a", "id", "INTEGER", "known");
    schema.relation("a", Form::Table, Some("CREATE TABLE a (id INTEGER PRIMARY KEY ON CONFLICT\n REPLACE)"));
    schema.relation("child", Form::Table, None);
    let catalog = schema.catalog(Backend::Sqlite);
    assert_eq!(widened(&catalog, "a", Adds), "a child");
    assert!(keys(&catalog, "a").is_empty());
}

#[test]
fn virtual_tables_are_what_their_modules_make_of_them() {
    let mut schema = Schema::of(&["a", "own_data", "own_idx"]);
    schema.relation("own", Form::Virtual, Some("CREATE VIRTUAL TABLE own USING fts5(title)"));
    schema.relation("beside", Form::Virtual, Some("CREATE VIRTUAL TABLE beside USING fts5(title, content='a')"));
    schema.relation("odd", Form::Virtual, Some("CREATE VIRTUAL TABLE odd USING somebodys(a)"));
    let catalog = schema.catalog(Backend::Sqlite);
    assert_eq!(widened(&catalog, "a", Adds), "a beside odd");
    assert_eq!(widened(&catalog, "own", Adds), "beside odd own own_data own_idx");
    assert_eq!(widened(&catalog, "own_data", Adds), "beside odd own own_data");
    assert_eq!(widened(&catalog, "odd", Adds), "*");
}

#[test]
fn keys_are_columns_whose_values_can_be_compared_here() {
    let case = |backend, declared: &str, collation: &str| {
        let schema = Schema::of(&["a"]).column("a", "X", declared, collation);
        keys(&schema.catalog(backend), "a").pop().unwrap_or_default()
    };
    let cases = [
        (Backend::Sqlite, "INTEGER", "known", "x -9223372036854775808..=9223372036854775807"),
        (Backend::Sqlite, "BigInt unsigned", "foreign", "x -9223372036854775808..=9223372036854775807"),
        (Backend::Sqlite, "VARCHAR(20)", "known", "x text"),
        (Backend::Sqlite, "TEXT", "foreign", ""),
        (Backend::Sqlite, "", "known", ""),
        (Backend::Sqlite, "NUMERIC", "known", ""),
        (Backend::Sqlite, "BLOB", "known", ""),
        (Backend::Postgres, "int2", "deterministic", "x -32768..=32767"),
        (Backend::Postgres, "int4", "deterministic", "x -2147483648..=2147483647"),
        (Backend::Postgres, "varchar", "deterministic", "x text 20"),
        (Backend::Postgres, "text", "foreign", ""),
        (Backend::Postgres, "uuid", "deterministic", ""),
        (Backend::Mysql, "tinyint(1)", "", "x -128..=127"),
        (Backend::Mysql, "mediumint(8) unsigned", "", "x 0..=16777215"),
        (Backend::Mysql, "int(11)", "", "x -2147483648..=2147483647"),
        (Backend::Mysql, "bigint(20) unsigned", "", "x 0..=9223372036854775807"),
        (Backend::Mysql, "year(4)", "", ""),
        (Backend::Mysql, "bit(1)", "", ""),
        (Backend::Mysql, "decimal(10,0)", "", ""),
        (Backend::Mysql, "varchar(20)", "utf8mb4_general_ci", "x text 20"),
        (Backend::Mysql, "varchar(20)", "utf8mb4_uca1400_ai_ci", "x text 20"),
        (Backend::Mysql, "varchar(20)", "utf8mb4_0900_as_cs", "x text 20"),
        (Backend::Mysql, "char(20)", "ascii_bin", "x text 20"),
        (Backend::Mysql, "varchar(20)", "latin1_swedish_ci", ""),
        (Backend::Mysql, "varchar(20)", "utf8mb4_german2_ci", ""),
        (Backend::Mysql, "varchar(20)", "utf16_bin", ""),
        (Backend::Mysql, "varbinary(20)", "", ""),
        (Backend::Mysql, "enum('a')", "utf8mb4_bin", ""),
    ];
    for (backend, declared, collation, expected) in cases {
        assert_eq!(case(backend, declared, collation), expected, "{backend} {declared} {collation}");
    }
}

#[test]
fn only_a_table_that_nothing_else_changes_has_keys() {
    let schema = || Schema::of(&["a"]).column("a", "id", "int8", "");
    assert_eq!(keys(&schema().catalog(Backend::Postgres), "a").len(), 1);
    let triggered = schema().trigger("a", false, Some("BEGIN RETURN NEW; END"));
    assert!(keys(&triggered.catalog(Backend::Postgres), "a").is_empty());
    let mut twice = schema();
    twice.relation("A", Form::Table, None);
    assert!(keys(&twice.catalog(Backend::Postgres), "a").is_empty(), "another schema has one of this name");
    let mut many = schema();
    many.0.too_many = true;
    assert!(keys(&many.catalog(Backend::Postgres), "a").is_empty());
    assert!(keys(&schema().catalog(Backend::Postgres), "b").is_empty());
}

#[test]
fn a_table_whose_rows_hang_on_others_by_a_policy_has_no_keys() {
    let schema = || Schema::of(&["a", "b"]).column("a", "id", "int8", "").column("b", "id", "int8", "");
    for of in [None, Some("b".to_owned())] {
        let mut guarded = schema();
        guarded.0.sources.push(Source { view: "a".to_owned(), of, written: false });
        let catalog = guarded.catalog(Backend::Postgres);
        assert_eq!((keys(&catalog, "a").len(), keys(&catalog, "b").len()), (0, 1));
    }
}

#[test]
fn names_that_databases_tell_apart_and_this_crate_does_not_are_no_keys() {
    let schema = Schema::of(&["a"]).column("a", "\u{c4}", "integer", "").column("a", "\u{e4}", "integer", "");
    assert!(keys(&schema.catalog(Backend::Sqlite), "a").is_empty());
}

#[test]
fn a_table_that_replaces_rows_says_so_whatever_stands_between() {
    let mut schema = Schema::default().column("a", "id", "integer", "");
    let text = "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT UNIQUE ON CONFLICT /* the old */ REPLACE)";
    schema.relation("a", Form::Table, Some(text));
    assert!(keys(&schema.catalog(Backend::Sqlite), "a").is_empty());
}

#[test]
fn a_write_that_leads_back_to_its_table_is_told_from_one_that_does_not() {
    let schema = Schema::of(&["a", "b", "c"]).reference("a", "a", true).reference("c", "b", true).trigger(
        "c",
        false,
        Some("CREATE TRIGGER t AFTER DELETE ON c BEGIN UPDATE b SET n = 0; END"),
    );
    let catalog = schema.catalog(Backend::Sqlite);
    let leads = |text| catalog.leads_back(&Statement::read(text, Backend::Sqlite).unwrap_or_else(|e| panic!("{e}")));
    assert!(leads("DELETE FROM a WHERE id = 1"), "by a foreign key to itself");
    assert!(!leads("INSERT INTO a (id) VALUES (1)"));
    assert!(leads("DELETE FROM b WHERE id = 1"), "by a trigger of another table");
    assert!(leads("DELETE FROM c WHERE id = 1"), "round about");
    assert!(!leads("INSERT INTO c (id) VALUES (1)"));
}

#[test]
fn what_is_too_much_may_be_anything() {
    let mut facts = Facts::default();
    assert_eq!(facts.bounded(vec![(); MOST]).len(), MOST);
    assert!(!facts.too_many);
    assert_eq!(facts.bounded(vec![(); MOST + 1]).len(), MOST);
    assert!(facts.too_many);
    let mut schema = Schema::of(&["a"]);
    schema.0.too_many = true;
    assert_eq!(widened(&schema.catalog(Backend::Sqlite), "a", Adds), "*");
    let names: Vec<String> = (0..=MOST_NAMED).map(|n| format!("t{n}")).collect();
    let mut wide = Schema::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &names {
        wide = wide.reference(name, "t0", true);
    }
    let catalog = wide.catalog(Backend::Postgres);
    assert_eq!(widened(&catalog, "t0", Changes), "*");
    assert_eq!(widened(&catalog, "t1", Changes), "t1");
}

#[test]
fn a_statement_that_names_a_schema_that_was_not_read_may_touch_anything() {
    let mut schema = Schema::of(&["a"]);
    schema.0.schemas = Some(BTreeSet::from(["shop".to_owned()]));
    let catalog = schema.catalog(Backend::Mysql);
    let written = |text| catalog.written(&Statement::read(text, Backend::Mysql).unwrap_or_else(|e| panic!("{e}")));
    let a = Tables::Named(BTreeSet::from(["a".to_owned()]));
    assert_eq!(written("UPDATE a SET x = 1"), a);
    assert_eq!(written("UPDATE Shop.a SET x = 1"), a);
    assert_eq!(written("UPDATE elsewhere.a SET x = 1"), Tables::Any);
    assert!(written("SELECT * FROM elsewhere.a").is_none());
    assert_eq!(written("CREATE TABLE b (x INT)"), Tables::Any);
}

#[test]
fn catalogs_are_equal_if_the_schema_said_the_same() {
    let view = |text: &str| Schema::of(&["a"]).view("v", text);
    let (one, other) = ("CREATE VIEW v AS SELECT x FROM a", "CREATE VIEW v AS SELECT x FROM a WHERE x > 1");
    let first = view(one).catalog(Backend::Sqlite);
    let mut counted = view(one);
    counted.0.version = Some("main:7".to_owned());
    assert_eq!(first, counted.catalog(Backend::Sqlite));
    assert_ne!(first, view(other).catalog(Backend::Sqlite), "it is seen differently");
}
