//! What stands behind a word: text, a duration, a number, names.

use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Lit, LitBool, LitStr, Path, Result, Token, bracketed, parenthesized};

use crate::errors::Errors;
use crate::rate::{self, Rate};
use crate::words::{self, Word};
use crate::{duration, template};

/// One option being read: its word, and the vocabulary it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Opt<'a> {
    pub(super) word: &'a Ident,
    pub(super) words: &'static [Word],
    pub(super) input: ParseStream<'a>,
}

impl Opt<'_> {
    fn name(&self) -> String {
        self.word.unraw().to_string()
    }

    fn example(&self) -> &'static str {
        words::example(self.words, &self.name())
    }

    /// The `=` behind the word.
    fn equals(&self) -> Result<()> {
        if !self.input.peek(Token![=]) {
            let message = format!("`{}` needs a value: `{}`", self.name(), self.example());
            return Err(Error::new(self.word.span(), message));
        }
        self.input.parse::<Token![=]>()?;
        if self.input.is_empty() || self.input.peek(Token![,]) {
            let message = format!("`{} =` needs a value: `{}`", self.name(), self.example());
            return Err(Error::new(self.word.span(), message));
        }
        Ok(())
    }

    /// The next literal; anything else is refused whole.
    fn literal(&self, what: &str) -> Result<Lit> {
        let refuse = |span| Error::new(span, format!("`{}` takes {what}: `{}`", self.name(), self.example()));
        let negative = self.input.peek(Token![-]);
        let span = self.input.span();
        if negative || !self.input.peek(Lit) {
            return Err(refuse(span));
        }
        self.input.parse().map_err(|_| refuse(span))
    }

    fn refuse(&self, lit: &Lit, what: &str) -> Error {
        Error::new(lit.span(), format!("`{}` takes {what}: `{}`", self.name(), self.example()))
    }

    /// `= "text"`.
    pub(super) fn text(&self) -> Result<LitStr> {
        self.equals()?;
        match self.literal("text")? {
            Lit::Str(text) => Ok(text),
            other => Err(self.refuse(&other, "text")),
        }
    }

    /// `= "text"` that is a name: one segment of a key.
    pub(super) fn segment(&self) -> Result<LitStr> {
        let text = self.text()?;
        template::check_segment(&text.value())
            .map_err(|why| Error::new(text.span(), format!("`{}` {why}", self.name())))?;
        Ok(text)
    }

    /// `= "10m"`, in milliseconds, not zero.
    pub(super) fn duration(&self) -> Result<u64> {
        let (lit, millis) = self.duration_or_zero()?;
        if millis == 0 {
            let message =
                format!("`{}` cannot be zero: leave the option out, or give a time such as \"1s\"", self.name());
            return Err(Error::new(lit.span(), message));
        }
        Ok(millis)
    }

    /// `= "10m"`, or `= "adaptive(30s..1h)"`: one time in milliseconds, not zero, or two.
    pub(super) fn life(&self) -> Result<(u64, Option<u64>)> {
        let ahead = self.input.fork();
        let text = ahead.parse::<Token![=]>().and_then(|_| ahead.parse::<LitStr>());
        match text {
            Ok(lit) if lit.value().trim_start().starts_with("adaptive") => {
                self.text()?;
                duration::range(&lit).map(|(least, most)| (least, Some(most)))
            }
            _ => self.duration().map(|millis| (millis, None)),
        }
    }

    /// `= "10m"`, in milliseconds.
    pub(super) fn duration_or_zero(&self) -> Result<(LitStr, u64)> {
        self.equals()?;
        match self.literal("a duration")? {
            Lit::Str(lit) => duration::parse(&lit).map(|millis| (lit, millis)),
            Lit::Int(n) if n.suffix().is_empty() => {
                let message = format!("durations are text: write `{} = \"{n}s\"` for seconds", self.name());
                Err(Error::new(n.span(), message))
            }
            other => Err(self.refuse(&other, "a duration")),
        }
    }

    /// `= "100/s"`.
    pub(super) fn rate(&self) -> Result<Rate> {
        self.equals()?;
        match self.literal("a rate")? {
            Lit::Str(lit) => rate::parse(&lit),
            Lit::Int(n) if n.suffix().is_empty() => {
                let message = format!("rates are text: write `{} = \"{n}/s\"` for each second", self.name());
                Err(Error::new(n.span(), message))
            }
            other => Err(self.refuse(&other, "a rate")),
        }
    }

    /// `= 0.1`, a part of one.
    pub(super) fn fraction(&self) -> Result<f32> {
        self.equals()?;
        let what = "a number from 0 to 1";
        let lit = self.literal(what)?;
        let number = match &lit {
            Lit::Float(n) => n.base10_parse::<f32>().ok(),
            Lit::Int(n) => n.base10_parse::<u8>().ok().map(f32::from),
            _ => None,
        };
        number.filter(|n| (0.0..=1.0).contains(n)).ok_or_else(|| self.refuse(&lit, what))
    }

    /// `= 3`.
    pub(super) fn number(&self) -> Result<u32> {
        self.equals()?;
        let what = "a whole number";
        match self.literal(what)? {
            Lit::Int(n) => n.base10_parse().map_err(|_| self.refuse(&Lit::Int(n), what)),
            other => Err(self.refuse(&other, what)),
        }
    }

    /// `= 3`, not zero.
    pub(super) fn positive(&self) -> Result<u32> {
        let at = self.input.fork();
        match self.number()? {
            0 => {
                let _equals: Result<Token![=]> = at.parse();
                Err(Error::new(at.span(), format!("`{}` is at least one: `{}`", self.name(), self.example())))
            }
            number => Ok(number),
        }
    }

    /// `= -3`.
    pub(super) fn signed(&self) -> Result<i32> {
        self.equals()?;
        let refuse = |span| Error::new(span, format!("`{}` takes a whole number: `{}`", self.name(), self.example()));
        let (span, minus) = (self.input.span(), self.input.parse::<Option<Token![-]>>()?);
        let number: syn::LitInt = self.input.parse().map_err(|_| refuse(span))?;
        let sign = if minus.is_some() { "-" } else { "" };
        format!("{sign}{}", number.base10_digits()).parse().map_err(|_| refuse(number.span()))
    }

    /// `= true`.
    pub(super) fn truth(&self) -> Result<bool> {
        self.equals()?;
        match self.literal("`true` or `false`")? {
            Lit::Bool(LitBool { value, .. }) => Ok(value),
            other => Err(self.refuse(&other, "`true` or `false`")),
        }
    }

    /// One of a few words, bare or as text.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Result<T> {
        self.equals()?;
        let (span, name) = if self.input.peek(Ident::peek_any) {
            let word = self.input.call(Ident::parse_any)?;
            (word.span(), word.unraw().to_string())
        } else {
            match self.literal("a word")? {
                Lit::Str(text) => (text.span(), text.value()),
                other => return Err(self.refuse(&other, "a word")),
            }
        };
        let names: Vec<_> = choices.iter().map(|(n, _)| *n).collect();
        let found = choices.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        found.ok_or_else(|| Error::new(span, words::none_of(&self.name(), &name, &names)))
    }

    /// Nothing: the word says it all.
    pub(super) fn flag(&self) -> Result<()> {
        if self.input.is_empty() || self.input.peek(Token![,]) {
            return Ok(());
        }
        Err(Error::new(self.word.span(), format!("`{}` stands alone, without a value", self.name())))
    }

    /// `= expression`.
    pub(super) fn expr(&self) -> Result<Expr> {
        self.equals()?;
        self.input.parse()
    }

    /// `= argument`.
    pub(super) fn name_of_argument(&self) -> Result<Ident> {
        self.equals()?;
        let refuse = || {
            let message = format!("`{}` takes the name of an argument: `{}`", self.name(), self.example());
            Error::new(self.input.span(), message)
        };
        if !self.input.peek(Ident::peek_any) {
            return Err(refuse());
        }
        self.input.call(Ident::parse_any).map_err(|_| refuse())
    }

    /// `= path`.
    pub(super) fn path(&self) -> Result<Path> {
        self.equals()?;
        self.input.call(Path::parse_mod_style)
    }

    /// `(a, b)`: names of arguments; one unreadable name is reported and the rest is still read.
    pub(super) fn names(&self, errors: &mut Errors) -> Result<Vec<Ident>> {
        if !self.input.peek(syn::token::Paren) {
            let message = format!("`{}` names arguments in parentheses: `{}`", self.name(), self.example());
            return Err(Error::new(self.word.span(), message));
        }
        let content;
        parenthesized!(content in self.input);
        let mut names: Vec<Ident> = Vec::new();
        while !content.is_empty() {
            match content.call(Ident::parse_any) {
                Ok(name) if names.contains(&name) => errors.at(name.span(), format!("`{name}` is named twice")),
                Ok(name) => names.push(name),
                Err(_) => {
                    errors.at(
                        content.span(),
                        format!("`{}` takes names of arguments: `{}`", self.name(), self.example()),
                    );
                    super::skip_to_comma(&content);
                }
            }
            if !content.is_empty() && !content.peek(Token![,]) {
                let message = format!("`{}` takes whole arguments; to use a field, name it in `key`", self.name());
                errors.at(content.span(), message);
                super::skip_to_comma(&content);
            }
            let _comma: Option<Token![,]> = content.parse()?;
        }
        if names.is_empty() && errors.is_empty() {
            errors.at(self.word.span(), format!("`{}` names no argument: `{}`", self.name(), self.example()));
        }
        Ok(names)
    }

    /// `(captions(db, id), self.load(id))`: calls.
    pub(super) fn calls(&self) -> Result<Vec<Expr>> {
        let refuse =
            |span| Error::new(span, format!("`{}` takes calls in parentheses: `{}`", self.name(), self.example()));
        if !self.input.peek(syn::token::Paren) {
            return Err(refuse(self.word.span()));
        }
        let content;
        parenthesized!(content in self.input);
        let calls = Punctuated::<Expr, Token![,]>::parse_terminated(&content).inspect_err(|_| skip_all(&content))?;
        if calls.is_empty() {
            return Err(refuse(self.word.span()));
        }
        let call = |call| match call {
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Async(_) => Ok(call),
            other => Err(refuse(syn::spanned::Spanned::span(&other))),
        };
        calls.into_iter().map(call).collect()
    }

    /// `= ["a", "b"]`, each a name: one segment of a key.
    pub(super) fn segments(&self) -> Result<Vec<LitStr>> {
        let texts = self.texts()?;
        for text in &texts {
            let value = text.value();
            let checked = match value.ends_with('.') {
                true => Err("needs a name behind the dot".to_owned()),
                false => template::check_segment(&value),
            };
            checked.map_err(|why| Error::new(text.span(), format!("`{}` {why}", self.name())))?;
        }
        Ok(texts)
    }

    /// `= ["a", "b"]`.
    pub(super) fn texts(&self) -> Result<Vec<LitStr>> {
        self.equals()?;
        let what = "a list of texts";
        if !self.input.peek(syn::token::Bracket) {
            let span = self.input.span();
            return Err(Error::new(span, format!("`{}` takes {what}: `{}`", self.name(), self.example())));
        }
        let content;
        bracketed!(content in self.input);
        let texts = Punctuated::<Lit, Token![,]>::parse_terminated(&content);
        let texts = texts.map_err(|e| {
            skip_all(&content);
            Error::new(e.span(), format!("`{}` takes {what}: `{}`", self.name(), self.example()))
        })?;
        if texts.is_empty() {
            return Err(Error::new(self.word.span(), format!("`{}` is empty: leave it out", self.name())));
        }
        let text = |lit| match lit {
            Lit::Str(text) => Ok(text),
            other => Err(self.refuse(&other, what)),
        };
        texts.into_iter().map(text).collect()
    }
}

/// Leaves nothing unread: an unread rest would be reported once more.
fn skip_all(input: ParseStream<'_>) {
    while !input.is_empty() {
        let _skipped: Result<proc_macro2::TokenTree> = input.parse();
    }
}
