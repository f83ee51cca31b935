//! What a server that is not Redis, or no longer itself, could answer.

use cached_runtime::tier::redis::replies;
use redis::Value;

/// How deep an answer may nest here; the driver has a bound of its own.
const DEEPEST: usize = 8;

pub(crate) fn run(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(answer) = value(&mut rest, DEEPEST) {
        let understood = replies::understood(&answer);
        assert!(understood <= 9, "more readers than there are");
    }
}

/// RESP, as far as it can be read; no count is believed that the bytes do not bear out.
fn value(rest: &mut &[u8], depth: usize) -> Option<Value> {
    let line = line(rest)?;
    let (kind, text) = line.split_at_checked(1)?;
    let number = || text.parse::<i64>().ok();
    Some(match kind {
        ":" => Value::Int(number()?),
        "+" if text == "OK" => Value::Okay,
        "+" => Value::SimpleString(text.to_owned()),
        "_" => Value::Nil,
        "," => Value::Double(text.parse().ok()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Value::Nil,
            Ok(len) => {
                let (bytes, after) = rest.split_at_checked(len)?;
                *rest = after.strip_prefix(b"\r\n").unwrap_or(after);
                Value::BulkString(bytes.to_vec())
            }
        },
        "*" if depth > 0 => match number()? {
            ..0 => Value::Nil,
            count => Value::Array((0..count).map_while(|_| value(rest, depth - 1)).collect()),
        },
        "%" if depth > 0 => {
            let pair = |rest: &mut &[u8]| Some((value(rest, depth - 1)?, value(rest, depth - 1)?));
            Value::Map((0..number()?).map_while(|_| pair(rest)).collect())
        }
        _ => return None,
    })
}

fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let (line, after) = rest.split_at(end);
    *rest = &after[1..];
    std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()
}
