//! Requests are the same if they say the same, and in no other case.

use std::fmt::Write as _;

use cached_runtime::Cache;
use cached_runtime::answers::{Answers, Message, Request};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn answers() -> Answers<String> {
    Answers::new(&Cache::builder().build().unwrap(), "names").unwrap()
}

/// JSON whose whole numbers are small enough to be told from each other as floats.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        "[a-c\"\\\\é\u{301} ]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-d]{1,2}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_body() -> impl Strategy<Value = Value> {
    let messages = proptest::collection::vec((any_json(), "(user|system)"), 0..4);
    ("[a-z]{1,3}", messages, proptest::collection::vec(("[a-d]{1,2}", any_json()), 0..4)).prop_map(
        |(model, messages, parameters)| {
            let mut body: Map<String, Value> = parameters.into_iter().collect();
            let message = |(content, role)| json!({"role": role, "content": content});
            body.insert("model".into(), model.into());
            body.insert("messages".into(), messages.into_iter().map(message).collect());
            Value::Object(body)
        },
    )
}

/// The same JSON, written otherwise: keys turned round, whole numbers as floats, space in between.
fn otherwise(value: &Value, turn: usize, out: &mut String) {
    match value {
        Value::Number(number) if number.is_i64() => match turn % 3 {
            0 => write!(out, "{number}").unwrap(),
            1 => write!(out, "{number}.0").unwrap(),
            _ => write!(out, "{number}e0").unwrap(),
        },
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { " ,\n" } else { "" });
                otherwise(item, turn + i, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            let many = fields.len().max(1);
            fields.rotate_left(turn % many);
            if turn % 2 == 1 {
                fields.reverse();
            }
            out.push_str("{ ");
            for (i, (name, value)) in fields.into_iter().enumerate() {
                out.push_str(if i > 0 { " , " } else { "" });
                write!(out, "{} : ", Value::from(name.as_str())).unwrap();
                otherwise(value, turn + i, out);
            }
            out.push('}');
        }
        other => write!(out, "{other}").unwrap(),
    }
}

/// Do they say the same? Independent of how the key is made.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Changes the n-th place of a JSON value, whatever it is.
fn change(value: &mut Value, place: &mut usize) {
    if *place == 0 {
        *value = match &*value {
            Value::Null => json!(false),
            Value::Bool(truth) => json!(!truth),
            Value::Number(number) => json!(number.as_f64().unwrap_or_default() + 0.5),
            Value::String(text) => json!(format!("{text}\u{301}")),
            Value::Array(items) => items.iter().cloned().chain([Value::Null]).collect(),
            Value::Object(fields) => {
                fields.clone().into_iter().chain([("new".to_owned(), Value::Null)]).collect::<Map<_, _>>().into()
            }
        };
    }
    *place = place.wrapping_sub(1);
    match value {
        _ if *place == usize::MAX => {}
        Value::Array(items) => items.iter_mut().for_each(|item| {
            if *place != usize::MAX {
                change(item, place);
            }
        }),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| {
            if *place != usize::MAX {
                change(field, place);
            }
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn how_it_is_written_makes_no_difference(body in any_body(), turn in 0_usize..6) {
        let answers = answers();
        let mut text = String::new();
        otherwise(&body, turn, &mut text);
        let again: Value = serde_json::from_str(&text).unwrap();
        let (one, other) = (Request::from_json(body).unwrap(), Request::from_json(again).unwrap());
        prop_assert_eq!(answers.key(&one), answers.key(&other));
    }

    #[test]
    fn any_change_of_one_place_does(body in any_body(), place in 0_usize..30) {
        let answers = answers();
        let mut changed = body.clone();
        change(&mut changed, &mut place.clone());
        let (Ok(one), Ok(other)) = (Request::from_json(body.clone()), Request::from_json(changed.clone())) else {
            return Ok(());
        };
        prop_assert_eq!(answers.key(&one) == answers.key(&other), same(&body, &changed));
    }

    #[test]
    fn two_requests_share_a_key_only_if_they_say_the_same(a in any_body(), b in any_body()) {
        let answers = answers();
        let (one, other) = (Request::from_json(a.clone()).unwrap(), Request::from_json(b.clone()).unwrap());
        prop_assert_eq!(answers.key(&one) == answers.key(&other), same(&a, &b));
    }
}

#[test]
fn what_is_absent_is_not_the_default_that_is_said() {
    let answers = answers();
    let request = Request::new("m").user("a");
    let others = [
        request.clone().parameter("temperature", 1),
        request.clone().parameter("stream", false),
        request.clone().parameter("stop", json!(null)),
        request.clone().tag("t"),
        request.clone().documents(["d"]),
        request.clone().system(""),
        Request::new("n").user("a"),
        Request::new("m").message(Message::new("user", "a").with("name", "b")),
        Request::new("m").message(Message::new("user", json!([{"type": "text", "text": "a"}]))),
        Request::new("m").user("a "),
        Request::new("m").user("A"),
    ];
    let mut keys: Vec<_> = others.iter().chain([&request]).map(|request| answers.key(request)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), others.len() + 1, "all of them differ");
    let composed = [Request::new("m").user("\u{e9}"), Request::new("m").user("e\u{301}")];
    assert_ne!(answers.key(&composed[0]), answers.key(&composed[1]), "text as it stands");
}

#[test]
fn what_is_about_the_cache_is_no_part_of_the_name() {
    let answers = answers();
    let request = Request::new("m").user("a").tag("t").tag("s").documents(["d", "e"]);
    let same = Request::new("m").user("a").tag("s").tag("t").tag("t").documents(["e", "d"]);
    let told = same.ttl(super::SECOND).cache_sampled(true);
    assert_eq!(answers.key(&request), answers.key(&told));
    assert!(answers.key(&request).as_str().starts_with("names:answer:m:"));
    let tag_as_document = Request::new("m").user("a").documents(["t"]);
    assert_ne!(answers.key(&Request::new("m").user("a").tag("t")), answers.key(&tag_as_document));
}

#[test]
fn json_that_is_no_request_is_told_so() {
    let wrong = [
        json!(1),
        json!({"messages": []}),
        json!({"model": 1, "messages": []}),
        json!({"model": "m"}),
        json!({"model": "m", "messages": {}}),
        json!({"model": "m", "messages": ["a"]}),
        json!({"model": "m", "messages": [{"content": "a"}]}),
    ];
    for body in wrong {
        let error = Request::from_json(body.clone()).unwrap_err();
        assert_eq!(error.context("setting"), Some("request"), "{body}");
    }
}
