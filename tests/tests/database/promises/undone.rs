//! What a database undid because others stood in the way: again, if nothing is left of it, and only then.

use cached_runtime::ErrorKind;
use cached_runtime::database::{Database, DatabaseOptions, OutboxOptions};
use cached_runtime::statement::Backend;

use super::here::{BACKEND, Db, place, sql};
use crate::rig::{Home, patient};

async fn home_with(options: DatabaseOptions, schema: &'static str) -> Home<Db> {
    let home = Home::new(place(), options);
    // In words of their own, past the handle.
    sqlx::raw_sql(schema).execute(home.db.pool()).await.unwrap();
    home.db.schema_changed().await;
    home
}

async fn numbers(db: &Database<Db>) -> Vec<i64> {
    let rows: Vec<(i64,)> = db.fetch_all("SELECT n FROM done ORDER BY n", ()).await.unwrap();
    rows.into_iter().map(|(n,)| n).collect()
}

/// It says that it was undone, and what it had committed before is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_procedure_that_has_committed_something_is_not_called_again() {
    let schema = match BACKEND {
        Backend::Sqlite => return,
        Backend::Postgres => {
            "CREATE TABLE done (n BIGINT NOT NULL);
             CREATE PROCEDURE act() LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO done VALUES (1); COMMIT; RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"
        }
        Backend::Mysql => {
            "CREATE TABLE done (n BIGINT NOT NULL);
             CREATE PROCEDURE act() BEGIN INSERT INTO done VALUES (1); SIGNAL SQLSTATE '40001'; END"
        }
    };
    for options in [patient(), patient().outbox(OutboxOptions::new())] {
        let home = home_with(options, schema).await;
        let refused = home.db.execute("CALL act()", ()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Database, "{refused}");
        assert_eq!(numbers(&home.db).await, [1]);
    }
}

/// Of tables that know of no transactions something stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_table_without_transactions_has_kept_is_not_written_again() {
    if BACKEND != Backend::Mysql {
        return;
    }
    let schema = "CREATE TABLE done (n BIGINT NOT NULL) ENGINE = MyISAM;
                  CREATE TRIGGER refuses AFTER INSERT ON done FOR EACH ROW SIGNAL SQLSTATE '40001'";
    for options in [patient(), patient().outbox(OutboxOptions::new())] {
        let home = home_with(options, schema).await;
        home.db.execute("INSERT INTO done VALUES (?)", (1_i64,)).await.unwrap_err();
        assert_eq!(numbers(&home.db).await, [1]);
    }
}

/// As a database does that runs transactions as if one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_undone_at_its_commit_is_done_again() {
    if BACKEND != Backend::Postgres {
        return;
    }
    // A sequence goes on though what asked it is undone.
    const SCHEMA: &str = "CREATE TABLE done (n BIGINT NOT NULL);
         CREATE SEQUENCE turns;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN
             IF nextval('turns') % 3 <> 0 THEN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END IF;
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON done DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION refuse()";
    for options in [patient(), patient().outbox(OutboxOptions::new())] {
        let home = home_with(options, SCHEMA).await;
        assert_eq!(home.db.execute(sql("INSERT INTO done VALUES (?)"), (1_i64,)).await.unwrap().rows, 1);
        let report = home.db.execute_batch(sql("INSERT INTO done VALUES (?)"), vec![(2_i64,)]).await.unwrap();
        assert_eq!((report.written, report.failed), (1, 0), "{report:?}");
        assert_eq!(numbers(&home.db).await, [1, 2]);
        let tried: (i64,) = home.db.fetch_one("SELECT last_value FROM turns", ()).await.unwrap();
        assert_eq!(tried.0, 6, "the control: each was undone twice");
    }
}
