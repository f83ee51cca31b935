//! What the body of a trigger writes.
//!
//! It is cut into its statements and conditions, and each is read as a statement is. What is not understood here may do
//! anything.

use std::collections::BTreeMap;

use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use super::facts::Facts;
use crate::statement::{Backend, Manner, Statement, Tables};

/// What is written, and how.
pub(super) type Writes = BTreeMap<String, Manner>;

/// What a body writes that is given as the backend keeps it: SQLite as the whole `CREATE TRIGGER`. Nothing: nobody knows.
pub(super) fn read(body: &str, facts: &Facts, backend: Backend) -> Option<Writes> {
    let tokens = tokens(body, backend)?;
    let mut routine = Routine { tokens: &tokens, facts, backend, writes: Writes::new() };
    if backend == Backend::Sqlite {
        routine.head()?;
    }
    while !routine.tokens.is_empty() {
        routine.step()?;
    }
    Some(routine.writes)
}

/// Does a trigger of SQLite run when rows are added?
#[cfg(any(feature = "sqlite", test))]
pub(super) fn runs_at_insert(text: &str) -> bool {
    let tokens = tokens(text, Backend::Sqlite).unwrap_or_default();
    let mut words = tokens.iter().filter_map(word);
    words.find(|word| is(word, &["insert", "update", "delete"])).is_none_or(|word| is(word, &["insert"]))
}

/// Without space and comments, and texts without what is in them.
fn tokens(text: &str, backend: Backend) -> Option<Vec<Token>> {
    let tokens = Tokenizer::new(backend.dialect(), text).tokenize().ok()?;
    let mut kept = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            // MySQL runs what is in such a comment.
            Token::Whitespace(Whitespace::MultiLineComment(text)) if text.starts_with(['!', 'M']) => return None,
            Token::Whitespace(_) => {}
            Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::DollarQuotedString(_) => kept.push(Token::SingleQuotedString(String::new())),
            token => kept.push(token),
        }
    }
    Some(kept)
}

/// A word that is not quoted.
fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}

fn is(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word))
}

fn token_is(token: &Token, words: &[&str]) -> bool {
    word(token).is_some_and(|word| is(word, words))
}

/// What begins a statement that is read as it stands.
const STATEMENTS: &[&str] = &["select", "insert", "update", "delete", "replace", "with", "merge", "values", "truncate"];

struct Routine<'a> {
    /// What is left of it.
    tokens: &'a [Token],
    facts: &'a Facts,
    backend: Backend,
    writes: Writes,
}

impl<'a> Routine<'a> {
    /// `CREATE TRIGGER .. WHEN .. BEGIN`.
    fn head(&mut self) -> Option<()> {
        let begin = self.tokens.iter().position(|token| token_is(token, &["begin"]))?;
        let (head, body) = self.tokens.split_at(begin);
        self.tokens = body;
        match head.iter().position(|token| token_is(token, &["when"])) {
            Some(when) => self.expression(head.get(when + 1..)?),
            None => Some(()),
        }
    }

    /// One statement, or what stands before or after others.
    fn step(&mut self) -> Option<()> {
        let (first, rest) = self.tokens.split_first()?;
        if *first == Token::SemiColon {
            self.tokens = rest;
            return Some(());
        }
        let word = word(first).unwrap_or_default().to_ascii_lowercase();
        if STATEMENTS.contains(&word.as_str()) {
            let statement = self.remainder();
            return self.statement(statement);
        }
        let all = self.tokens;
        self.tokens = rest;
        match word.as_str() {
            "begin" | "else" | "loop" | "exception" => Some(()),
            "declare" => self.declarations(),
            "if" | "elsif" | "elseif" | "when" => {
                let condition = self.until(&["then"])?;
                self.expression(condition)
            }
            "while" => {
                let condition = self.until(&["loop", "do"])?;
                self.expression(condition)
            }
            "for" => self.each_row(),
            "case" => {
                let end = self.tokens.iter().position(|token| token_is(token, &["when"]))?;
                let (subject, rest) = self.tokens.split_at(end);
                self.tokens = rest;
                self.expression(subject)
            }
            "end" | "null" | "exit" | "continue" | "leave" | "iterate" => {
                let words = self.remainder();
                (words.len() <= 2 && words.iter().all(|token| self::word(token).is_some())).then_some(())
            }
            "return" | "perform" | "assert" | "set" => {
                let expression = self.remainder();
                self.expression(expression)
            }
            "raise" => self.raise(),
            "signal" | "resignal" => {
                let signal = self.remainder();
                let set = signal.iter().position(|token| token_is(token, &["set"]));
                self.expression(set.and_then(|set| signal.get(set + 1..)).unwrap_or_default())
            }
            "get" => {
                self.remainder();
                Some(())
            }
            _ => {
                self.tokens = all;
                self.assignment()
            }
        }
    }

    /// Up to the next `;`, which goes too.
    fn remainder(&mut self) -> &'a [Token] {
        let end = at_the_top(self.tokens).find(|(_, token)| **token == Token::SemiColon).map(|(index, _)| index);
        let (part, rest) = self.tokens.split_at(end.unwrap_or(self.tokens.len()));
        self.tokens = rest.get(1..).unwrap_or_default();
        part
    }

    /// Up to the next of these words, which goes too. `CASE .. END` has a `THEN` of its own.
    fn until(&mut self, words: &[&str]) -> Option<&'a [Token]> {
        let mut cases = 0_usize;
        for (index, token) in at_the_top(self.tokens) {
            match token {
                Token::SemiColon => return None,
                _ if token_is(token, &["case"]) => cases += 1,
                _ if token_is(token, &["end"]) => cases = cases.saturating_sub(1),
                _ if cases == 0 && token_is(token, words) => {
                    let (part, rest) = self.tokens.split_at(index);
                    self.tokens = rest.get(1..).unwrap_or_default();
                    return Some(part);
                }
                _ => {}
            }
        }
        None
    }

    /// In PL/pgSQL they go up to `BEGIN`, in MySQL each has a `DECLARE`.
    fn declarations(&mut self) -> Option<()> {
        loop {
            let declaration = self.remainder();
            if declaration.iter().any(|token| token_is(token, &["cursor", "handler"])) {
                return None;
            }
            let value = at_the_top(declaration)
                .find(|(_, token)| matches!(token, Token::Assignment | Token::Eq) || token_is(token, &["default"]));
            if let Some((index, _)) = value {
                self.expression(declaration.get(index + 1..)?)?;
            }
            let next = self.tokens.first()?;
            if self.backend != Backend::Postgres || token_is(next, &["begin", "declare"]) {
                return Some(());
            }
        }
    }

    /// `FOR row IN SELECT .. LOOP`.
    fn each_row(&mut self) -> Option<()> {
        let head = self.until(&["loop"])?;
        let rows = head.iter().position(|token| token_is(token, &["in"]))?;
        let query = head.get(rows + 1..)?;
        query.first().filter(|first| token_is(first, STATEMENTS))?;
        self.statement(query)
    }

    /// `RAISE EXCEPTION 'no % here', NEW.id USING ERRCODE = '23505'`.
    fn raise(&mut self) -> Option<()> {
        const LEVELS: &[&str] = &["debug", "log", "info", "notice", "warning", "exception", "sqlstate"];
        let mut said = self.remainder();
        while let Some((first, rest)) = said.split_first().filter(|(first, _)| token_is(first, LEVELS)) {
            let _ = first;
            said = rest;
        }
        let using = said.iter().position(|token| token_is(token, &["using"])).unwrap_or(said.len());
        let (said, options) = said.split_at(using);
        self.expression(said)?;
        self.expression(options.get(1..).unwrap_or_default())
    }

    /// `NEW.x := ..`, `x = ..`. What else begins with a word is not known here.
    fn assignment(&mut self) -> Option<()> {
        let all = self.remainder();
        let sign = at_the_top(all).find(|(_, token)| matches!(token, Token::Assignment | Token::Eq))?.0;
        let (target, value) = all.split_at(sign);
        let named = target.first().is_some_and(|first| matches!(first, Token::Word(_)));
        let one = target.windows(2).all(|pair| !pair.iter().all(|token| matches!(token, Token::Word(_))));
        let plain = target.iter().all(|token| {
            matches!(token, Token::Word(_) | Token::Period | Token::LBracket | Token::RBracket | Token::Number(..))
        });
        (named && one && plain).then_some(())?;
        self.expression(value.get(1..)?)
    }

    /// What is computed may call what writes.
    fn expression(&mut self, tokens: &[Token]) -> Option<()> {
        if tokens.is_empty() {
            return Some(());
        }
        self.read(&format!("SELECT {}", text(&without_targets(tokens))))
    }

    fn statement(&mut self, tokens: &[Token]) -> Option<()> {
        self.read(&text(&without_targets(tokens)))
    }

    fn read(&mut self, text: &str) -> Option<()> {
        let statement = Statement::read(text, self.backend).ok()?;
        let known = self.facts.knows(&statement) && !self.facts.calls_own(&statement);
        let Tables::Named(tables) = statement.writes() else { return None };
        for table in tables {
            let manner = self.writes.entry(table.clone()).or_insert(Manner::Adds);
            *manner = statement.manner().max(*manner);
        }
        known.then_some(())
    }
}

/// What is not in brackets, and where it stands.
fn at_the_top(tokens: &[Token]) -> impl Iterator<Item = (usize, &Token)> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter(move |(_, token)| {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// Without `INTO x, y`, which names variables here: elsewhere it would make a table.
fn without_targets(tokens: &[Token]) -> Vec<&Token> {
    let mut kept: Vec<&Token> = Vec::with_capacity(tokens.len());
    let mut depth = 0_usize;
    let mut rest = tokens.iter().peekable();
    while let Some(token) = rest.next() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        let of_an_insert = kept.iter().rev().take(4).any(|before| token_is(before, &["insert", "replace", "merge"]));
        if depth > 0 || of_an_insert || !token_is(token, &["into"]) {
            kept.push(token);
            continue;
        }
        rest.next_if(|next| token_is(next, &["strict"]));
        loop {
            rest.next_if(|next| matches!(next, Token::Word(_)));
            if rest.next_if(|next| matches!(next, Token::Period | Token::Comma)).is_none() {
                break;
            }
        }
    }
    kept
}

/// What is read of it. `NEW.*` is a row, where the parser looks for one value.
fn text(tokens: &[&Token]) -> String {
    let mut text = String::new();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        rest = match after {
            [Token::Period, Token::Mul, after @ ..] if token_is(first, &["new", "old"]) => after,
            _ => after,
        };
        let sign = if **first == Token::Assignment { "=".to_owned() } else { first.to_string() };
        text.push_str(&sign);
        text.push(' ');
    }
    text
}

#[cfg(test)]
mod tests;
