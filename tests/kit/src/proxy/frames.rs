//! Where a reply of the Redis protocol ends, in either version.

/// The names that messages and invalidations begin with. Confirmations of a subscription are not among them: without
/// them a client would not know that it is subscribed.
const PUSHED: [&[u8]; 4] =
    [b"$7\r\nmessage\r\n", b"$8\r\npmessage\r\n", b"$8\r\nsmessage\r\n", b"$10\r\ninvalidate\r\n"];

/// Bytes that are no reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// How long the reply is that these bytes begin with, if all of it is here.
pub(super) fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let (mut at, mut awaited) = (0, 1);
    while awaited > 0 {
        let Some(line) = line_length(&bytes[at..])? else { return Ok(None) };
        let (kind, size) = (bytes[at], &bytes[at + 1..at + line]);
        at += line + 2 + payload(kind, size)?;
        awaited += elements(kind, size)? - 1;
        if at > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

/// Whether a reply is a published message or an invalidation.
pub(super) fn is_push(frame: &[u8]) -> bool {
    let Some(line) = frame.windows(2).position(|pair| pair == b"\r\n") else { return false };
    matches!(frame[0], b'>' | b'*') && PUSHED.iter().any(|name| frame[line + 2..].starts_with(name))
}

fn line_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    match bytes.first() {
        Some(kind) if !b"+-:_,(#$=!*>~%|".contains(kind) => Err(Malformed),
        _ => Ok(bytes.windows(2).position(|pair| pair == b"\r\n")),
    }
}

/// The bytes that come after the first line, with the end of their line.
fn payload(kind: u8, size: &[u8]) -> Result<usize, Malformed> {
    match kind {
        b'$' | b'=' | b'!' => Ok(usize::try_from(number(size)?).map_or(0, |length| length + 2)),
        _ => Ok(0),
    }
}

/// The replies that come after the first line. Attributes come before the reply they are about.
fn elements(kind: u8, size: &[u8]) -> Result<i64, Malformed> {
    match kind {
        b'*' | b'>' | b'~' => Ok(number(size)?.max(0)),
        b'%' => Ok(number(size)?.max(0) * 2),
        b'|' => Ok(number(size)?.max(0) * 2 + 1),
        _ => Ok(0),
    }
}

fn number(text: &[u8]) -> Result<i64, Malformed> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i32>().ok());
    number.map(i64::from).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [&[u8]; 9] = [
        b"+OK\r\n",
        b":12\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"$4\r\na\r\nb\r\n",
        b"*-1\r\n",
        b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
        b"%1\r\n+a\r\n~1\r\n#t\r\n",
        b"|1\r\n+ttl\r\n:1\r\n*1\r\n_\r\n",
    ];

    #[test]
    fn frames_end_where_they_end() {
        for frame in WHOLE {
            assert_eq!(frame_length(frame), Ok(Some(frame.len())));
            assert_eq!(frame_length(&[frame, b"+more\r\n"].concat()), Ok(Some(frame.len())));
            for end in 0..frame.len() {
                assert_eq!(frame_length(&frame[..end]), Ok(None), "{:?}", &frame[..end]);
            }
        }
    }

    #[test]
    fn other_protocols_are_no_frames() {
        assert_eq!(frame_length(b"HTTP/1.1 200 OK\r\n"), Err(Malformed));
        assert_eq!(frame_length(b"*many\r\n"), Err(Malformed));
    }

    #[test]
    fn messages_and_invalidations_are_pushes_and_confirmations_are_not() {
        assert!(is_push(b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"));
        assert!(is_push(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"));
        assert!(is_push(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"));
        assert!(!is_push(b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
        assert!(!is_push(b"$7\r\nmessage\r\n"));
    }
}
