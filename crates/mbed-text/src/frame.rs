//! The special tokens around a sequence.

use std::collections::HashMap;

use mbed_core::Token;
use serde::{Deserialize, Serialize};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{Encoding, PostProcessorWrapper};

/// The special tokens around a sequence, known before there is one.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Tokens before the content.
    pub(crate) before: Vec<Token>,
    /// The segment of the content.
    pub(crate) type_id: u32,
    /// Tokens behind the content.
    pub(crate) after: Vec<Token>,
}

/// One piece of a template, as its file spells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
enum Piece {
    Sequence { id: Sequence, type_id: u32 },
    SpecialToken { id: String, type_id: u32 },
}

/// Which of two texts; here there is only the first.
#[derive(Deserialize)]
enum Sequence {
    A,
}

/// A special token of a template; it can stand for several.
#[derive(Deserialize)]
struct Special {
    ids: Vec<u32>,
}

impl Frame {
    /// What `processor` puts around one text, or `None` where that is not understood.
    pub(crate) fn new(processor: Option<&PostProcessorWrapper>) -> Option<Self> {
        match processor {
            None => Some(Self::default()),
            Some(PostProcessorWrapper::Bert(bert)) => {
                let token = |&(_, id): &(String, u32)| vec![Token { id, type_id: 0 }];
                Some(Self { before: token(&bert.cls), type_id: 0, after: token(&bert.sep) })
            }
            Some(PostProcessorWrapper::Template(template)) => Self::of_template(template),
            Some(_) => None,
        }
    }

    fn of_template(template: &TemplateProcessing) -> Option<Self> {
        // The library shows what it holds in no other way than by writing it out.
        let pieces: Vec<Piece> = rewritten(&template.single)?;
        let special: HashMap<String, Special> = rewritten(template.get_special_tokens())?;
        let mut before = Vec::new();
        let mut content = None;
        for piece in pieces {
            match piece {
                Piece::Sequence { id: Sequence::A, type_id } if content.is_none() => {
                    content = Some((type_id, Vec::new()));
                }
                Piece::Sequence { .. } => return None,
                Piece::SpecialToken { id, type_id } => {
                    let side = content.as_mut().map_or(&mut before, |(_, after)| after);
                    side.extend(special.get(&id)?.ids.iter().map(|&id| Token { id, type_id }));
                }
            }
        }
        let (type_id, after) = content?;
        Some(Self { before, type_id, after })
    }

    /// The tokens of `content`, framed.
    pub(crate) fn around(&self, content: &Encoding) -> Vec<Token> {
        let ids = content.get_ids();
        let mut tokens = Vec::with_capacity(self.before.len() + ids.len() + self.after.len() + 1);
        tokens.extend_from_slice(&self.before);
        tokens.extend(ids.iter().map(|&id| Token { id, type_id: self.type_id }));
        tokens.extend_from_slice(&self.after);
        tokens
    }
}

fn rewritten<T: Serialize, U: for<'de> Deserialize<'de>>(value: &T) -> Option<U> {
    serde_json::from_value(serde_json::to_value(value).ok()?).ok()
}
