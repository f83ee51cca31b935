//! A small blocking client of the Redis protocol, made of nothing that the library under test uses.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status such as `OK`; also the text of a truth value and of a number that is not whole or large.
    Simple(String),
    /// An error, with its code in front.
    Error(String),
    /// A whole number.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// No value.
    Nil,
    /// Replies in a row. A push and a set are told as one too; a map is one of keys and values in turn.
    Array(Vec<Reply>),
}

impl Reply {
    /// Whether it is the status `OK`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Reply::Simple(text) if text == "OK")
    }

    /// The text of a status, an error, a number or bytes that are UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Reply::Simple(text) | Reply::Error(text) => Some(text.clone()),
            Reply::Int(number) => Some(number.to_string()),
            Reply::Bulk(bytes) => String::from_utf8(bytes.clone()).ok(),
            Reply::Nil | Reply::Array(_) => None,
        }
    }

    /// The replies of an array, none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Reply] {
        match self {
            Reply::Array(items) => items,
            _ => &[],
        }
    }
}

/// A connection to a server that sends a command and waits for the reply.
#[derive(Debug)]
pub struct Connection<S = TcpStream> {
    stream: S,
    read: Vec<u8>,
}

impl Connection {
    /// Connects to a port of the loopback address; reads and writes give up after five seconds.
    pub fn to(port: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), PATIENCE)?;
        stream.set_nodelay(true)?;
        let connection = Connection::over(stream);
        connection.patience(PATIENCE)?;
        Ok(connection)
    }

    /// Sets how long one read or write may take.
    pub fn patience(&self, limit: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(limit))?;
        self.stream.set_write_timeout(Some(limit))
    }
}

impl<S: Read + Write> Connection<S> {
    /// Speaks the protocol over a stream that is already open.
    pub fn over(stream: S) -> Connection<S> {
        Connection { stream, read: Vec::new() }
    }

    /// Sends a command and waits for the reply to it.
    pub fn command(&mut self, words: &[impl AsRef<[u8]>]) -> io::Result<Reply> {
        self.send(words)?;
        self.receive()
    }

    /// Sends a command without waiting.
    pub fn send(&mut self, words: &[impl AsRef<[u8]>]) -> io::Result<()> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words.iter().map(AsRef::as_ref) {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&request)
    }

    /// Waits for the next reply or push.
    pub fn receive(&mut self) -> io::Result<Reply> {
        match self.line()?.split_first() {
            None => Err(malformed("an empty line")),
            Some((kind, rest)) => self.reply(*kind, &String::from_utf8_lossy(rest)),
        }
    }

    fn reply(&mut self, kind: u8, rest: &str) -> io::Result<Reply> {
        match kind {
            b'+' | b',' | b'(' | b'#' => Ok(Reply::Simple(rest.to_owned())),
            b'-' => Ok(Reply::Error(rest.to_owned())),
            b':' => Ok(Reply::Int(number(rest)?)),
            b'_' => Ok(Reply::Nil),
            b'$' | b'=' | b'!' => self.bulk(number(rest)?),
            b'*' | b'>' | b'~' => self.array(number(rest)?),
            b'%' => self.array(number(rest)? * 2),
            _ => Err(malformed(rest)),
        }
    }

    fn bulk(&mut self, length: i64) -> io::Result<Reply> {
        let Ok(length) = usize::try_from(length) else { return Ok(Reply::Nil) };
        self.fill(length + 2)?;
        let bytes = self.read.drain(..length + 2).take(length).collect();
        Ok(Reply::Bulk(bytes))
    }

    fn array(&mut self, length: i64) -> io::Result<Reply> {
        if length < 0 {
            return Ok(Reply::Nil);
        }
        (0..length).map(|_| self.receive()).collect::<io::Result<Vec<_>>>().map(Reply::Array)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                return Ok(self.read.drain(..end + 2).take(end).collect());
            }
            self.fill(self.read.len() + 1)?;
        }
    }

    /// Reads on until that many bytes are here.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        while self.read.len() < length {
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.read.extend_from_slice(&chunk[..n]),
            }
        }
        Ok(())
    }
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| malformed(text))
}

fn malformed(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not the Redis protocol: {text:?}"))
}
