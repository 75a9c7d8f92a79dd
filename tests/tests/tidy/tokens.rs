//! Rust files as tokens, so that rules see code and not comments or strings.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::tree::File;

/// A word, a literal, a mark or a bracket.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// As it is written.
    pub(crate) text: String,
    /// The line it stands on, counted from 1.
    pub(crate) line: usize,
}

/// What begins a module of unit tests.
const TEST_MODULE: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];

/// The top level of a file.
pub(crate) fn stream(file: &File) -> TokenStream {
    TokenStream::from_str(&file.content)
        .unwrap_or_else(|error| panic!("`{}` is not Rust: {error}", file.path))
}

/// All tokens of a file in a flat list.
pub(crate) fn all(file: &File) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(stream(file), &mut tokens);
    tokens
}

/// A file in two parts.
pub(crate) struct Parts {
    /// Its tokens without its modules of unit tests.
    pub(crate) code: Vec<Token>,
    /// How many lines those modules take.
    pub(crate) test_lines: usize,
}

/// Takes the modules of unit tests out of a file.
pub(crate) fn parts(file: &File) -> Parts {
    let mut code = all(file);
    let mut test_lines = 0;
    while let Some(&begin) = find(&code, &TEST_MODULE).first() {
        let end = module_end(&code, begin);
        test_lines += code[end].line - code[begin].line + 1;
        code.drain(begin..=end);
    }
    Parts { code, test_lines }
}

/// Where `words` stand one after another.
pub(crate) fn find(tokens: &[Token], words: &[&str]) -> Vec<usize> {
    let same = |window: &[Token]| window.iter().zip(words).all(|(token, word)| token.text == *word);
    let windows = tokens.windows(words.len()).enumerate().filter(|(_, window)| same(window));
    windows.map(|(begin, _)| begin).collect()
}

/// The last token of the item that begins at `begin`: its semicolon, or the end of its body.
fn module_end(tokens: &[Token], begin: usize) -> usize {
    let mut depth = 0_usize;
    let body = tokens.iter().enumerate().skip(begin + TEST_MODULE.len());
    for (at, token) in body {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at,
            "}" => depth -= 1,
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    tokens.len() - 1
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let TokenTree::Group(group) = tree else {
            tokens.push(Token { text: tree.to_string(), line: tree.span().start().line });
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        tokens.push(Token { text: open.to_owned(), line: group.span_open().start().line });
        flatten(group.stream(), tokens);
        tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line });
    }
}

#[test]
fn comments_strings_and_test_modules_are_not_code() {
    let source = "// alpha\n/// alpha\nfn f() -> &'static str { \"alpha\" }\n\
                  #[cfg(test)]\nmod tests {\n    fn alpha() {}\n}\nfn g() { beta() }\n";
    let file = File::new("a.rs", source);
    assert_eq!(find(&all(&file), &["alpha"]).len(), 1);
    let Parts { code, test_lines } = parts(&file);
    assert_eq!(find(&code, &["alpha"]), [0; 0]);
    let lines: Vec<_> = find(&code, &["beta", "(", ")"]).into_iter().map(|at| code[at].line).collect();
    assert_eq!(lines, [8]);
    assert_eq!(test_lines, 4);
}
