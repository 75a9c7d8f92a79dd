//! What each byte of a text is to BERT's normalizer and pre-tokenizer.

use tokenizers::normalizers::BertNormalizer;

/// What a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Ends words and is part of none.
    Space,
    /// Part of a word.
    Letter,
    /// Punctuation: a word of its own.
    Mark,
    /// Punctuation that an added token begins with.
    Opening,
    /// Outside ASCII, or a character that the normalizer removes.
    Odd,
}

/// What each byte is, and what the normalizer makes of it.
#[derive(Debug)]
pub(super) struct Alphabet {
    classes: [Class; 256],
    /// The same byte or its lower case; without meaning for odd bytes.
    pub(super) normal: [u8; 256],
}

impl Alphabet {
    /// The alphabet of `normalizer` and a `BertPreTokenizer`.
    ///
    /// Of the normalizer's options two matter in ASCII. Only letters in upper case change; the other options speak
    /// of ideographs and of accents.
    pub(super) fn new(normalizer: &BertNormalizer) -> Self {
        let fold = |byte: u8| if normalizer.lowercase { byte.to_ascii_lowercase() } else { byte };
        let class = |byte: u8| match byte {
            b'\t' | b'\n' | b'\r' | b' ' => Class::Space,
            // White space to the pre-tokenizer, but control characters to the normalizer, which comes first.
            0x0B | 0x0C if !normalizer.clean_text => Class::Space,
            0..=0x1F | 0x7F if normalizer.clean_text => Class::Odd,
            0x80.. => Class::Odd,
            _ if byte.is_ascii_punctuation() => Class::Mark,
            _ => Class::Letter,
        };
        let bytes: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        Self { classes: bytes.map(class), normal: bytes.map(fold) }
    }

    /// What `byte` is.
    pub(super) const fn class(&self, byte: u8) -> Class {
        self.classes[byte as usize]
    }

    /// Takes note that an added token begins with `byte`; `false` where that byte does not begin a word of its own.
    pub(super) fn open(&mut self, byte: u8) -> bool {
        let class = &mut self.classes[usize::from(byte)];
        if *class == Class::Mark {
            *class = Class::Opening;
        }
        matches!(class, Class::Opening) || !byte.is_ascii()
    }
}
