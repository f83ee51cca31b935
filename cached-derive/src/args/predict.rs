//! What stands behind `predict`: whose calls follow each other, and what predictions have to be worth.

use syn::ext::IdentExt;
use syn::{Error, Expr, Ident, Result, Token, parenthesized};

use super::value::Opt;
use crate::words::{self, PREDICT};

/// `predict`, or `predict(by = user_id, precision = 0.9, gain = 0.05, ahead = 8)`.
#[derive(Default)]
pub(crate) struct Predict {
    pub(crate) by: Option<Expr>,
    pub(crate) precision: Option<f32>,
    pub(crate) gain: Option<f32>,
    pub(crate) ahead: Option<u32>,
}

/// The most steps that are looked ahead.
const FARTHEST: u32 = 32;

impl Predict {
    pub(super) fn read(opt: &Opt<'_>) -> Result<Self> {
        let mut predict = Self::default();
        if !opt.input.peek(syn::token::Paren) {
            opt.flag()?;
            return Ok(predict);
        }
        let content;
        parenthesized!(content in opt.input);
        while !content.is_empty() {
            let word = content.call(Ident::parse_any)?;
            let opt = Opt { word: &word, words: PREDICT, input: &content };
            match word.unraw().to_string().as_str() {
                "by" => predict.by = Some(opt.expr()?),
                "precision" => predict.precision = Some(opt.fraction()?),
                "gain" => predict.gain = Some(opt.fraction()?),
                "ahead" => predict.ahead = Some(opt.positive().and_then(|steps| near(steps, &word))?),
                other => return Err(Error::new(word.span(), words::unknown(PREDICT, other))),
            }
            let _comma: Option<Token![,]> = content.parse()?;
        }
        Ok(predict)
    }
}

fn near(steps: u32, word: &Ident) -> Result<u32> {
    if steps <= FARTHEST {
        return Ok(steps);
    }
    Err(Error::new(word.span(), format!("`ahead` is {FARTHEST} steps at most: what is farther comes true too rarely")))
}
