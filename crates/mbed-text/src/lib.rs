//! From texts to tokens: the rules before the tokenizer, the tokenizer, and where texts are cut.
