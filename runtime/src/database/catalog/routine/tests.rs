use super::*;

fn written(body: &str, backend: Backend) -> Option<Vec<(String, Manner)>> {
    read(body, &Facts::default(), backend).map(|writes| writes.into_iter().collect())
}

fn names(body: &str, backend: Backend) -> Option<String> {
    Some(written(body, backend)?.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" "))
}

#[test]
fn what_changes_its_own_row_writes_nothing_else() {
    let bodies = [
        "BEGIN NEW.updated_at = now(); RETURN NEW; END;",
        "\nBEGIN\n  NEW.updated_at := clock_timestamp(); -- now\n  RETURN NEW;\nEND\n",
        "DECLARE n int := 0; m CONSTANT text DEFAULT 'x'; r record; BEGIN IF TG_OP = 'INSERT' AND NEW.x IS NULL THEN \
         NEW.x := CASE WHEN NEW.y > 1 THEN 'a' ELSE 'b' END; ELSIF NEW.y = 2 THEN NULL; ELSE n := n + 1; END IF; \
         RETURN NEW; END;",
        "BEGIN SELECT count(*) INTO STRICT n FROM a WHERE x = NEW.x; IF n > 3 THEN RAISE EXCEPTION 'too many: %', n \
         USING ERRCODE = '23514', HINT = 'remove ' || n; END IF; RETURN OLD; END;",
        "BEGIN PERFORM pg_notify('changed', row_to_json(NEW)::text); RETURN NULL; END;",
        "BEGIN IF ROW(NEW.*) IS DISTINCT FROM ROW(OLD.*) THEN NEW.n[1] = OLD.n + 1; END IF; RETURN NEW; \
         EXCEPTION WHEN unique_violation OR others THEN RAISE NOTICE 'again'; RETURN NEW; END;",
        "BEGIN CASE NEW.x WHEN 1 THEN NEW.y := 2; ELSE NEW.y := 3; END CASE; WHILE NEW.y < 3 LOOP NEW.y := NEW.y + 1; \
         EXIT; END LOOP; GET DIAGNOSTICS n = ROW_COUNT; ASSERT n > 0; RETURN; END;",
        "BEGIN NEW.body = E'it\\'s; DELETE FROM a'; NEW.more = $x$; DELETE FROM a;$x$; RETURN NEW; END;",
    ];
    for body in bodies {
        assert_eq!(names(body, Backend::Postgres).as_deref(), Some(""), "{body}");
    }
    for body in [
        "SET NEW.updated_at = NOW()",
        "BEGIN DECLARE n INT DEFAULT 0; SELECT count(*) INTO n FROM a; SET NEW.x = n, @y = 2; \
         IF n > 3 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'too many', MYSQL_ERRNO = 1644; END IF; END",
        "BEGIN WHILE NEW.x < 3 DO SET NEW.x = NEW.x + 1; END WHILE; END",
    ] {
        assert_eq!(names(body, Backend::Mysql).as_deref(), Some(""), "{body}");
    }
    let body = "CREATE TRIGGER t BEFORE DELETE ON a FOR EACH ROW WHEN OLD.x > 1 BEGIN \
                SELECT CASE WHEN OLD.y THEN RAISE(ABORT, 'no; BEGIN') END; SELECT RAISE(IGNORE); END";
    assert_eq!(names(body, Backend::Sqlite).as_deref(), Some(""));
}

#[test]
fn what_a_body_writes_is_found_with_its_manner() {
    let body = "BEGIN IF (TG_OP = 'DELETE') THEN INSERT INTO audit SELECT 'D', now(), OLD.*; ELSE \
                INSERT INTO audit VALUES ('U', (NEW.*)); END IF; UPDATE public.Counter SET n = n + 1 RETURNING n INTO NEW.n; \
                FOR r IN SELECT * FROM b LOOP DELETE FROM c WHERE id = r.id; END LOOP; \
                INSERT INTO audit (x) VALUES (1) RETURNING id INTO r; RETURN NULL; END";
    let expected = [("audit", Manner::Adds), ("c", Manner::Changes), ("counter", Manner::Changes)];
    let expected: Vec<_> = expected.map(|(name, manner)| (name.to_owned(), manner)).into();
    assert_eq!(written(body, Backend::Postgres), Some(expected));
    let body = "CREATE TRIGGER a_audit AFTER UPDATE OF x ON a WHEN NEW.x <> OLD.x BEGIN \
                INSERT INTO audit (x) VALUES (NEW.x); INSERT OR REPLACE INTO last (x) VALUES (NEW.x); END";
    let expected: Vec<_> =
        [("audit", Manner::Adds), ("last", Manner::Changes)].map(|(name, manner)| (name.to_owned(), manner)).into();
    assert_eq!(written(body, Backend::Sqlite), Some(expected));
    let body = "BEGIN IF NEW.x THEN REPLACE INTO b (x) VALUES (1); END IF; UPDATE `c` SET x = 1; END";
    assert_eq!(names(body, Backend::Mysql).as_deref(), Some("b c"));
}

#[test]
fn what_is_not_understood_may_do_anything() {
    for body in [
        "BEGIN EXECUTE format('DELETE FROM %I', TG_ARGV[0]); RETURN NEW; END;",
        "BEGIN EXECUTE 'DELETE FROM a' || x = y; RETURN NEW; END;",
        "BEGIN EXECUTE 'DELETE FROM a' INTO x USING 1 = 1; RETURN NEW; END;",
        "BEGIN PERFORM refresh_all(); RETURN NEW; END;",
        "BEGIN NEW.x := nobody_knows(NEW.y); RETURN NEW; END;",
        "BEGIN IF nobody_knows() THEN RETURN NEW; END IF; RETURN NULL; END;",
        "BEGIN CALL anything(); RETURN NEW; END;",
        "BEGIN FOR r IN EXECUTE 'x' LOOP NULL; END LOOP; RETURN NEW; END;",
        "DECLARE c CURSOR FOR SELECT nobody_knows(); BEGIN OPEN c; RETURN NEW; END;",
        "DECLARE n int := nobody_knows(); BEGIN RETURN NEW; END;",
        "BEGIN RAISE EXCEPTION '%', nobody_knows(); END;",
        "BEGIN CREATE TABLE x (y int); RETURN NEW; END;",
        "BEGIN REFRESH MATERIALIZED VIEW x; RETURN NEW; END;",
        "BEGIN RETURN NEW",
        "BEGIN IF x RETURN NEW; END;",
        "BEGIN 'text; END;",
    ] {
        let unread = names(body, Backend::Postgres);
        assert!(unread.is_none() || body == "BEGIN RETURN NEW", "{body}: {unread:?}");
    }
    for body in [
        "CALL anything()",
        "BEGIN SET NEW.x = shop.f(1); END",
        "SET GLOBAL x = 1",
        "BEGIN /*!50003 DELETE FROM a; */ SET NEW.x = 1; DO nobody_knows(); END",
    ] {
        assert_eq!(names(body, Backend::Mysql), None, "{body}");
    }
    let when = "CREATE TRIGGER t AFTER INSERT ON a WHEN nobody_knows(NEW.x) BEGIN SELECT 1; END";
    assert_eq!(names(when, Backend::Sqlite), None);
    let schemas = Some(std::collections::BTreeSet::from(["here".to_owned()]));
    let elsewhere = Facts { schemas, ..Facts::default() };
    assert_eq!(read("INSERT INTO there.a VALUES (1)", &elsewhere, Backend::Mysql), None);
    assert!(read("INSERT INTO Here.a VALUES (1)", &elsewhere, Backend::Mysql).is_some());
}

#[test]
fn a_trigger_that_runs_when_rows_are_added_is_told() {
    assert!(runs_at_insert("CREATE TRIGGER \"update\" AFTER INSERT ON a BEGIN UPDATE b SET x = 1; END"));
    assert!(!runs_at_insert("CREATE TRIGGER t BEFORE UPDATE OF x ON a BEGIN INSERT INTO b VALUES (1); END"));
    assert!(!runs_at_insert("CREATE TEMP TRIGGER IF NOT EXISTS main.t DELETE ON a BEGIN SELECT 1; END"));
}
