//! Which rows a statement is about.

use super::*;

fn rows_of(text: &str) -> String {
    let statement = read(text);
    let show = |rows: &Rows| {
        let columns = rows.columns.iter().map(|(column, given)| {
            let given = given.iter().map(|given| match given {
                Given::Parameter(at) => format!("#{at}"),
                Given::Integer(number) => number.to_string(),
                Given::Text(text) => format!("'{text}'"),
            });
            format!("{column}={}", given.collect::<Vec<_>>().join("|"))
        });
        format!("{}({})", rows.table, columns.collect::<Vec<_>>().join(","))
    };
    let read = statement.rows_read().iter().map(show);
    read.chain(statement.rows_written().map(show)).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_rows_that_a_query_can_only_depend_on_are_read_from_its_conditions() {
    for (text, rows) in [
        ("SELECT * FROM caption WHERE video = ? AND n > ?", "caption(video=#0)"),
        ("SELECT * FROM caption WHERE n > ? AND (? = video) LIMIT ?", "caption(video=#1)"),
        ("SELECT * FROM caption c WHERE c.video = 7 AND lang = 'de'", "caption(lang='de',video=7)"),
        ("SELECT * FROM caption WHERE video = ?2 AND lang = ?1", "caption(lang=#0,video=#1)"),
        ("SELECT count(*) FROM main.Caption WHERE Video = -3", "caption(video=-3)"),
        (
            "SELECT * FROM video v JOIN caption c ON c.video = v.id WHERE v.id = ? AND c.lang = ?",
            "video(id=#0) caption(lang=#1)",
        ),
        ("SELECT * FROM video LEFT JOIN caption ON video.id = video WHERE video.id = ?", "video(id=#0)"),
    ] {
        assert_eq!(rows_of(text), rows, "{text}");
    }
}

#[test]
fn of_all_else_a_query_may_depend_on_any_row() {
    for text in [
        "SELECT * FROM caption WHERE video = ? OR n = ?",
        "SELECT * FROM caption WHERE NOT (video = ?)",
        "SELECT * FROM caption WHERE video IN (?)",
        "SELECT * FROM caption WHERE video = ? COLLATE NOCASE",
        "SELECT * FROM caption WHERE abs(video) = ?",
        "SELECT * FROM caption WHERE video = ? + 1",
        "SELECT * FROM caption WHERE video = 1.5",
        "SELECT * FROM caption WHERE video = n",
        "SELECT * FROM caption WHERE video = :video",
        "SELECT * FROM caption a JOIN caption b ON a.id = b.id WHERE a.video = ?",
        "SELECT * FROM video JOIN caption ON 1 WHERE id = ?",
        "SELECT * FROM caption WHERE video = ? AND n IN (SELECT n FROM caption)",
        "WITH caption AS (SELECT 1 AS video) SELECT * FROM caption WHERE video = ?",
        "SELECT * FROM (SELECT * FROM caption) c WHERE c.video = ?",
        "SELECT * FROM caption WHERE video = ? UNION SELECT * FROM caption",
        "SELECT * FROM caption c(a, b) WHERE c.a = ?",
        "SELECT (SELECT 1 FROM caption WHERE video = ?)",
        "SELECT * FROM caption C, video c WHERE c.id = ?",
    ] {
        assert_eq!(rows_of(text), "", "{text}");
    }
}

#[test]
fn the_rows_that_a_write_can_only_concern_are_read_from_its_text() {
    for (text, rows) in [
        ("UPDATE caption SET text = ? WHERE video = ? AND n = ?", "caption(n=#2,video=#1)"),
        ("UPDATE caption SET video = ? WHERE video = ? AND n = 1", "caption(n=1)"),
        ("UPDATE caption SET (text, n) = (1, 2) WHERE video = ? AND n = 1", "caption(video=#0)"),
        ("UPDATE caption SET video = ? WHERE video = ?", ""),
        ("UPDATE caption SET text = ?", ""),
        ("UPDATE OR REPLACE caption SET text = ? WHERE video = ?", ""),
        ("UPDATE caption SET text = v.t FROM v WHERE caption.video = ?", ""),
        ("DELETE FROM caption WHERE video = ?", "caption(video=#0)"),
        ("DELETE FROM caption WHERE video = ? AND n IN (SELECT n FROM v)", "caption(video=#0)"),
        ("DELETE FROM caption", ""),
        ("INSERT INTO caption (video, text) VALUES (?, 'a'), (5, ?)", "caption(video=#0|5,text='a'|#1)"),
        ("INSERT INTO caption (video, text) VALUES (?, upper(?))", "caption(video=#0)"),
        ("INSERT INTO caption (video) VALUES (?) ON CONFLICT DO NOTHING", "caption(video=#0)"),
        ("INSERT INTO caption (video) VALUES (?) ON CONFLICT (video) DO UPDATE SET text = 1", ""),
        ("INSERT OR REPLACE INTO caption (video) VALUES (?)", ""),
        ("REPLACE INTO caption (video) VALUES (?)", ""),
        ("INSERT INTO caption VALUES (?)", ""),
        ("INSERT INTO caption (video) SELECT id FROM video", ""),
        ("WITH v AS (SELECT 1) UPDATE caption SET text = 1 WHERE video = ?", ""),
        ("UPDATE caption SET rowid = 5 WHERE id = 3", ""),
        ("UPDATE caption SET \"OID\" = 5 WHERE id = 3", ""),
        ("INSERT INTO caption (id, _rowid_) VALUES (3, 5)", ""),
        ("INSERT INTO caption (id, ID) VALUES (3, 5)", ""),
    ] {
        assert_eq!(rows_of(text), rows, "{text}");
    }
}
